//! Protobuf codecs for gRPC: with small buffers, and for requests that are already encoded.

use std::marker::PhantomData;

use prost::{
    Message,
    bytes::{Buf as _, BufMut as _, Bytes},
};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

/// The initial size of the two buffers of a call, in bytes. A record or an acknowledgement fits; a batch grows them.
/// tonic's default of 8 KiB each takes a tenth of the cost of a call with one record.
const BUFFER_BYTES: usize = 1 << 10;
/// The number of bytes to encode before yielding; tonic's default.
const YIELD_BYTES: usize = 32 << 10;

/// The codec of all services in this crate.
pub(crate) struct SmallBuffers<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for SmallBuffers<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SmallBuffers<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Contiguous<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(settings())
    }

    fn decoder(&mut self) -> Self::Decoder {
        Contiguous(PhantomData)
    }
}

/// Decodes a message from one slice. Through tonic's buffer, each field would take several calls.
pub struct Contiguous<T>(PhantomData<T>);

impl<T: Message + Default> Decoder for Contiguous<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let length = buffer.remaining();
        let decoded = match buffer.chunk() {
            whole if whole.len() == length => T::decode(whole),
            _ => T::decode(buffer.copy_to_bytes(length)),
        };
        // The decoder may have left the bytes in the buffer.
        buffer.advance(buffer.remaining());
        decoded.map(Some).map_err(|error| Status::internal(format!("the message cannot be read: {error}")))
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

/// The settings of all codecs.
fn settings() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// Sends raw bytes and decodes responses of type `T`.
pub struct Encoded<T>(PhantomData<T>);

impl<T> Default for Encoded<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Default + Send + 'static> Codec for Encoded<T> {
    type Encode = Bytes;
    type Decode = T;
    type Encoder = Self;
    type Decoder = Contiguous<T>;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Contiguous<T> {
        Contiguous(PhantomData)
    }
}

impl<T> Encoder for Encoded<T> {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.len());
        buffer.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}
