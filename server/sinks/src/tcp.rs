//! The tcp sink.

use async_trait::async_trait;
use pipeline::{
    Error, Result,
    follow::{Outgoing, Sent, Sink},
};
use url::Url;

use crate::parameters::Parameters;

pub(crate) struct TcpSink;

impl TcpSink {
    pub(crate) fn new(_url: &Url, _parameters: &mut Parameters) -> Result<Self> {
        Err(Error::invalid("tcp sinks are not built in"))
    }
}

#[async_trait]
impl Sink for TcpSink {
    async fn open(&mut self, _mark: Option<&str>) -> Result<()> {
        Ok(())
    }

    async fn send(&mut self, _batch: &Outgoing) -> Result<Sent> {
        Err(Error::internal("tcp sinks are not built in"))
    }
}
