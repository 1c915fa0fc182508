//! Numbers of variable length, as Parquet and Thrift write them.

/// Reads an unsigned number, seven bits a byte.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let bytes = *rest;
    let mut number = 0;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *rest = bytes.get(place + 1..)?;
            return Some(number);
        }
    }
    None
}

/// A signed number from its unsigned form.
pub(crate) fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_sign_are_read() {
        for (bytes, number) in [(&[0][..], 0), (&[1], -1), (&[2], 1), (&[0xff, 1], -128), (&[0x80, 2], 128)] {
            let mut rest = bytes;
            assert_eq!(varint(&mut rest).map(zigzag), Some(number), "{bytes:?}");
            assert!(rest.is_empty());
        }
        assert_eq!(varint(&mut &[0x80_u8; 11][..]), None);
        assert_eq!(varint(&mut &[0_u8; 0][..]), None);
    }
}
