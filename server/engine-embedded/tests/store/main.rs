//! Tests of the embedded store through its port, on real files.

#![allow(clippy::unwrap_used)]

mod agreement;
mod contract;
mod counts;
mod damage;
mod dead_letters;
mod documents;
mod durability;
mod formats;
mod forms;
mod late;
mod layout;
mod lookup;
mod model;
mod orders;
mod overload;
mod removal;
mod seams;
mod size;
mod support;
mod upkeep;
