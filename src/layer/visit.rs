//! From `tracing`'s values to ours. Runs the user's `Debug` and `Display`, so it holds no lock and borrows no
//! thread-local.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use crate::describe::calmly;
use crate::field::{Role, Roles};
use crate::model::{Callsite, Fields, Head};

/// Writes the values of one span or event behind each other.
pub(crate) struct Visitor<'a> {
    pub(crate) fields: &'a mut Fields,
    pub(crate) callsite: &'a Callsite,
    pub(crate) late: bool,
    pub(crate) owner: u16,
}

impl Visitor<'_> {
    #[inline]
    fn head(&self, field: &Field) -> Option<Head> {
        let (role, trust) = self.callsite.kept(field.index())?;
        Some(Head {
            role,
            trust,
            late: self.late,
            owner: self.owner,
            ..Head::declared(field.index())
        })
    }
}

/// Looks at the values of a span before anything is written of them, and runs none of the user's code.
pub(crate) struct Survey<'a> {
    callsite: &'a Callsite,
    /// None has to be formatted, and none says something of the trace, or of the name.
    pub(crate) is_simple: bool,
    /// One bit for each field, as [`Fields::is_new`] takes them.
    pub(crate) declared: u64,
    pub(crate) bytes: usize,
    pub(crate) count: usize,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(callsite: &'a Callsite) -> Self {
        Self {
            callsite,
            is_simple: true,
            declared: 0,
            bytes: 0,
            count: 0,
        }
    }

    #[inline]
    fn see(&mut self, field: &Field, bytes: usize) {
        let Some((role, _)) = self.callsite.kept(field.index()) else {
            return;
        };
        self.is_simple &= field.index() < 64 && !WEIGHED.contain(role);
        self.declared |= 1 << (field.index() % 64);
        self.bytes += bytes;
        self.count += 1;
    }

    /// It has to be formatted, if it is kept.
    fn see_unformatted(&mut self, field: &Field) {
        self.is_simple &= self.callsite.kept(field.index()).is_none();
    }
}

/// What is weighed against what else is known.
const WEIGHED: Roles = Roles::HANDED_DOWN.with(Role::Name);

impl Visit for Survey<'_> {
    fn record_bool(&mut self, field: &Field, _: bool) {
        self.see(field, 0);
    }

    fn record_i64(&mut self, field: &Field, _: i64) {
        self.see(field, 0);
    }

    fn record_u64(&mut self, field: &Field, _: u64) {
        self.see(field, 0);
    }

    fn record_f64(&mut self, field: &Field, _: f64) {
        self.see(field, 0);
    }

    fn record_i128(&mut self, field: &Field, _: i128) {
        self.see(field, 0);
    }

    fn record_u128(&mut self, field: &Field, _: u128) {
        self.see(field, 0);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.see(field, value.len());
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.see(field, value.len());
    }

    fn record_error(&mut self, field: &Field, _: &(dyn Error + 'static)) {
        self.see_unformatted(field);
    }

    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.see_unformatted(field);
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
