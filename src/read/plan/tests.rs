//! A span of a shape that is known, and one that is read for the first time, are read alike, and written alike.

mod spans;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use self::spans::{Given, NAMES, SAID, Shape, Speaker, callsite, given, record, shape};
use crate::dialect::{Dialect, GenAiDialect};
use crate::export::Batch;
use crate::field::Role;
use crate::id::{SpanId, TraceId};
use crate::langfuse::dialect::LangfuseDialect;
use crate::model::{Callsite, Head, Kind, Lane, Notes, Observation, Recorded};
use crate::otlp::encode::encode;
use crate::process::Masker;
use crate::read::Reader;

fn body(observation: &Arc<Observation>, lane: Lane, dialect: &impl Dialect) -> Vec<u8> {
    let mut out = Vec::new();
    encode(
        &Batch::new(lane, vec![Arc::clone(observation)]),
        dialect,
        &mut out,
    );
    out
}

/// What each of three destinations is sent, each through a lane of its own.
fn bodies(observation: Observation) -> [Vec<u8>; 3] {
    let observation = Arc::new(observation);
    let [quiet, open] = [false, true].map(|captures| GenAiDialect::new(Arc::default(), captures));
    let langfuse = LangfuseDialect::new(Arc::default(), None, None);
    [
        body(&observation, 0, &quiet),
        body(&observation, 1, &open),
        body(&observation, 2, &langfuse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Few shapes, each several times, with other values, of which some are missing.
    #[test]
    fn a_shape_that_is_known_changes_nothing(
        shapes in vec(shape(), 1..3),
        spans in vec((any::<prop::sample::Index>(), vec(prop::option::weighted(0.97, given()), 14)), 4..24),
        captures_arguments in any::<bool>(),
    ) {
        let callsites = [callsite(NAMES), callsite(NAMES), callsite(SAID)];
        let mut reader = Reader::new(captures_arguments);
        for (shape, values) in &spans {
            let span = || record(shape.get(&shapes), values, &callsites);
            let mut known = reader.read(span());
            let mut first = Reader::new(captures_arguments).read(span());
            let (mut masker, mut other) = (Masker::default(), Masker::default());
            prop_assert_eq!(masker.mask(&mut known), other.mask(&mut first));
            prop_assert_eq!(
                format!("{known:?}").replace("Some(Notes)", "None"),
                format!("{first:?}")
            );
            prop_assert_eq!(bodies(known), bodies(first));
        }
    }
}

/// What is noted on a span whose fields are the first so many, if it is of a known shape.
fn notes(reader: &mut Reader, callsites: &[Arc<Callsite>; 3], fields: usize) -> Option<Arc<Notes>> {
    let speakers = (0..fields).map(|index| Speaker::Span { index, late: true });
    let shape = Shape {
        callsite: 0,
        kind: Kind::Span,
        usage_below: false,
        speakers: speakers.collect(),
        events: 0,
    };
    let values = vec![Some(Given::Number(1)); fields];
    reader.read(record(&shape, &values, callsites)).shape()
}

#[test]
fn a_shape_is_kept_when_it_comes_again_and_the_last_few_stay() {
    let callsites = [callsite(NAMES), callsite(NAMES), callsite(SAID)];
    let mut reader = Reader::default();
    let mut notes = |fields| notes(&mut reader, &callsites, fields);
    let same = |one: Option<Arc<Notes>>, other| {
        one.zip(other)
            .is_some_and(|(one, other)| Arc::ptr_eq(&one, &other))
    };
    assert!(notes(0).is_none());
    let kept = notes(0);
    assert!(same(kept.clone(), notes(0)));
    // What comes once drives nothing out.
    (1..8).for_each(|fields| assert!(notes(fields).is_none()));
    assert!(same(kept.clone(), notes(0)));
    for fields in 1..=super::SHAPES {
        notes(fields);
        notes(fields);
    }
    assert!(!same(kept, notes(0)));
}

#[test]
fn a_shape_with_long_names_is_not_kept() {
    let callsite = callsite(NAMES);
    let mut reader = Reader::default();
    let mut is_kept = |name_bytes: usize| {
        let (trace, id) = (TraceId::from_seed("trace"), SpanId::from_seed("span"));
        let mut recorded = Box::new(Recorded::new(Arc::clone(&callsite), trace, id));
        let key = recorded.fields.name(&"n".repeat(name_bytes));
        recorded.fields.bool(Head::handle(key, Role::Metadata), true);
        reader.read(recorded).shape().is_some()
    };
    for name_bytes in [super::NAMES_BYTES, super::NAMES_BYTES + 1] {
        assert!(!is_kept(name_bytes));
        assert_eq!(is_kept(name_bytes), name_bytes == super::NAMES_BYTES);
    }
}
