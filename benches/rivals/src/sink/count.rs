//! How many spans a body has, by the framing of protobuf alone: `ExportTraceServiceRequest.resource_spans` (1),
//! `ResourceSpans.scope_spans` (2), `ScopeSpans.spans` (2).

use std::io::Read;

use flate2::read::GzDecoder;

use crate::Result;

pub(super) fn packed_spans(body: &[u8]) -> Result<u64> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain)?;
    spans(&plain)
}

pub(super) fn spans(body: &[u8]) -> Result<u64> {
    let mut spans = 0;
    for resource_spans in messages(body, 1)? {
        for scope_spans in messages(resource_spans, 2)? {
            spans += messages(scope_spans, 2)?.len() as u64;
        }
    }
    Ok(spans)
}

/// What stands under this number in a message; whatever else is in it is passed over.
fn messages(mut message: &[u8], number: u64) -> Result<Vec<&[u8]>> {
    const TOO_SHORT: &str = "a message that ends too early";
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            2 => varint(&mut message)? as usize,
            5 => 4,
            kind => return Err(format!("a field of wire type {kind}").into()),
        };
        let (value, rest) = message.split_at_checked(length).ok_or(TOO_SHORT)?;
        if key == number << 3 | 2 {
            found.push(value);
        }
        message = rest;
    }
    Ok(found)
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or("a number that ends too early")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number of more than 64 bits".into())
}
