//! The few words of protobuf that an export request needs, written to a growing buffer.
//!
//! Source: protobuf.dev, "Encoding".

/// The number of a field in its message.
pub(super) type Number = u8;

/// Writes a number, seven bits a byte.
#[inline]
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The bytes that a number takes as a varint.
#[inline]
pub(super) fn varint_len(number: u64) -> usize {
    (number | 1).ilog2() as usize / 7 + 1
}

/// Writes a field that is a varint.
pub(super) fn number(out: &mut Vec<u8>, field: Number, number: u64) {
    tag(out, field, 0);
    varint(out, number);
}

/// Writes a field of eight bytes.
pub(super) fn fixed64(out: &mut Vec<u8>, field: Number, number: u64) {
    tag(out, field, 1);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Writes a field of four bytes.
pub(super) fn fixed32(out: &mut Vec<u8>, field: Number, number: u32) {
    tag(out, field, 5);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Writes a field that is text or bytes.
#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, field: Number, bytes: &[u8]) {
    length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Begins a field of known length, which the caller writes.
#[inline]
pub(super) fn length(out: &mut Vec<u8>, field: Number, length: usize) {
    let mut words = Words::default();
    if words.length(field, length) {
        return words.write(out);
    }
    tag(out, field, 2);
    varint(out, length as u64);
}

/// Up to eight bytes of tags, lengths and small numbers, put together in a register: the buffer is asked for room once for
/// all of them, and they are one store. They are most of what is written by count.
#[derive(Clone, Copy, Default)]
pub(super) struct Words {
    bits: u64,
    bytes: u32,
}

impl Words {
    /// Adds the tag and the length of a field; false when that is too long for here, and then what is here is none.
    #[inline]
    pub(super) fn length(&mut self, field: Number, length: usize) -> bool {
        self.small(u64::from(field) << 3 | 2) && self.small(length as u64)
    }

    /// Adds a field that is a varint; false as above.
    #[inline]
    pub(super) fn number(&mut self, field: Number, number: u64) -> bool {
        self.small(u64::from(field) << 3) && self.small(number)
    }

    #[inline]
    fn small(&mut self, number: u64) -> bool {
        let (bits, bytes) = match number {
            0..0x80 => (number, 1),
            0x80..0x4000 => (number & 0x7f | 0x80 | number >> 7 << 8, 2),
            0x4000..0x20_0000 => (
                number & 0x7f | 0x80 | (number >> 7 & 0x7f | 0x80) << 8 | number >> 14 << 16,
                3,
            ),
            _ => return false,
        };
        self.bits |= bits << ((8 * self.bytes) & 63);
        self.bytes += bytes;
        self.bytes <= 8
    }

    /// Appends them.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let to = out.len() + self.bytes as usize;
        out.extend_from_slice(&self.bits.to_le_bytes());
        out.truncate(to);
    }
}

/// Writes a field whose length is known only when it is written: a message, or text made in place.
///
/// Its length is a varint padded to [`PADDED`] bytes, which every decoder takes; so nothing is measured beforehand
/// and nothing moves afterwards.
pub(super) fn nested(out: &mut Vec<u8>, field: Number, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, 2);
    let at = out.len();
    out.extend_from_slice(&[0; PADDED]);
    write(out);
    let Some((length, body)) = out.get_mut(at..).and_then(|rest| rest.split_first_chunk_mut()) else {
        return;
    };
    *length = padded(body.len());
}

/// The bytes of a padded length: 35 bits of it, a thousand times the largest batch.
const PADDED: usize = 5;

fn padded(length: usize) -> [u8; PADDED] {
    let mut left = length as u64;
    let mut bytes = [0; PADDED];
    for byte in &mut bytes {
        *byte = left as u8 | 0x80;
        left >>= 7;
    }
    bytes[PADDED - 1] &= 0x7f;
    bytes
}

/// The first field of a message: its number, its bytes (the digits of a number), and what is behind it. Nothing where there
/// is none, or no field as they are written here.
pub(super) fn split_first(message: &[u8]) -> Option<(Number, &[u8], &[u8])> {
    let (tag, rest) = split_varint(message)?;
    let (len, rest) = match tag & 7 {
        0 => (rest.len() - split_varint(rest)?.1.len(), rest),
        1 => (8, rest),
        2 => split_varint(rest).map(|(len, rest)| (len as usize, rest))?,
        5 => (4, rest),
        _ => return None,
    };
    let (body, behind) = rest.split_at_checked(len)?;
    Some((Number::try_from(tag >> 3).ok()?, body, behind))
}

fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    if let Some((byte @ 0..0x80, behind)) = bytes.split_first() {
        return Some((u64::from(*byte), behind));
    }
    let len = 1 + bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (digits, behind) = bytes.split_at_checked(len)?;
    let number = digits
        .iter()
        .rev()
        .fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, behind))
}

#[inline]
fn tag(out: &mut Vec<u8>, field: Number, wire: u8) {
    varint(out, u64::from(field) << 3 | u64::from(wire));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_is_as_long_as_it_says_and_comes_back() {
        for shift in 0..64 {
            for number in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                varint(&mut out, number);
                assert_eq!(out.len(), varint_len(number), "{number}");
                assert_eq!(prost::encoding::decode_varint(&mut out.as_slice()), Ok(number));
            }
        }
    }

    #[test]
    fn a_padded_length_comes_back() {
        for length in [0, 1, 127, 128, 16_384, 1 << 28, u32::MAX as usize] {
            assert_eq!(
                prost::encoding::decode_varint(&mut padded(length).as_slice()),
                Ok(length as u64)
            );
        }
    }
}
