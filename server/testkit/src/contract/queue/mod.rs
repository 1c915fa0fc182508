//! The contract of every queue.

mod closing;
mod delivery;
mod redelivery;

use std::sync::Arc;

use pipeline::{Batch, Content, Delivery, Queue, Receipt};

pub use closing::*;
pub use delivery::*;
pub use redelivery::*;

/// Instantiates the suite; see [`crate::contract`].
#[macro_export]
macro_rules! queue_contract {
    ($make:path) => {
        $crate::contract_cases!(
            queue,
            $make,
            what_is_published_is_received_unchanged_and_in_order,
            a_call_returns_about_as_many_records_as_asked_for,
            a_batch_larger_than_asked_for_is_delivered,
            a_waiting_receiver_is_woken_by_a_publish,
            a_dropped_receive_loses_nothing,
            batches_of_many_publishers_are_each_delivered_once,
            hundreds_of_small_batches_are_received_before_any_is_acknowledged,
            what_is_acknowledged_does_not_come_again,
            what_is_not_acknowledged_comes_again_after_reopening,
            what_is_not_acknowledged_comes_again_after_a_crash,
            what_is_released_comes_again,
            acknowledgements_may_come_in_any_order,
            a_reopened_queue_goes_on_after_the_old_batches,
            a_full_batch_passes,
            a_closed_queue_is_unavailable,
            closing_wakes_a_waiting_receiver,
        );
    };
}

/// Receives until `count` batches have arrived; they stay unacknowledged.
async fn receive(queue: &dyn Queue, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.extend(queue.receive(10_000).await.unwrap());
    }
    deliveries
}

fn batches(deliveries: &[Delivery]) -> Vec<Batch> {
    let batch = |delivery: &Delivery| match &delivery.content {
        Content::Batch(batch) => batch.as_ref().clone(),
        Content::Undecodable { reason, .. } => panic!("a batch was delivered as undecodable: {reason}"),
    };
    deliveries.iter().map(batch).collect()
}

fn receipts(deliveries: &[Delivery]) -> Vec<Receipt> {
    deliveries.iter().map(|delivery| delivery.receipt).collect()
}

async fn publish(queue: &dyn Queue, batches: &[Batch]) {
    for batch in batches {
        queue.publish(Arc::new(batch.clone())).await.unwrap();
    }
}

/// Asserts that the queue is empty: only a newly published batch arrives.
async fn assert_quiet(queue: &dyn Queue) {
    let marker = crate::records::batch(u64::from(u32::MAX), 1);
    publish(queue, std::slice::from_ref(&marker)).await;
    let received = receive(queue, 1).await;
    assert_eq!(batches(&received), [marker], "nothing else was to come");
    queue.acknowledge(&receipts(&received)).await.unwrap();
}
