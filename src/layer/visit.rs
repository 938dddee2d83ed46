//! From `tracing`'s values to ours. Runs the user's `Debug` and `Display`, so it holds no lock and borrows no
//! thread-local.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use crate::describe::calmly;
use crate::model::{Callsite, Fields, Head};

/// Writes the values of one span or event behind each other.
pub(crate) struct Visitor<'a> {
    pub(crate) fields: &'a mut Fields,
    pub(crate) callsite: &'a Callsite,
    pub(crate) late: bool,
    pub(crate) owner: u16,
}

/// What `tracing-log` adds to each event.
const OF_THE_LOG_BRIDGE: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

impl Visitor<'_> {
    fn head(&self, field: &Field) -> Option<Head> {
        let known = self.callsite.field(field.index())?;
        // A method's receiver is no input, and what the `log` bridge adds is no field.
        if known.name == "self" || OF_THE_LOG_BRIDGE.contains(&known.name) {
            return None;
        }
        let mut head = Head::declared(field.index());
        head.meaning(known.meaning);
        head.late = self.late;
        head.owner = self.owner;
        Some(head)
    }
}

macro_rules! record {
    ($($method:ident($value:ty) => $write:ident;)*) => {
        $(fn $method(&mut self, field: &Field, value: $value) {
            if let Some(head) = self.head(field) {
                self.fields.$write(head, value);
            }
        })*
    };
}

impl Visit for Visitor<'_> {
    record! {
        record_bool(bool) => bool;
        record_i64(i64) => i64;
        record_u64(u64) => u64;
        record_f64(f64) => f64;
        record_i128(i128) => i128;
        record_u128(u128) => u128;
        record_str(&str) => str;
        record_bytes(&[u8]) => bytes_value;
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let Some(head) = self.head(field) else { return };
        calmly(|| self.fields.error(head, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let Some(head) = self.head(field) else { return };
        calmly(|| self.fields.debug(head, value));
    }
}
