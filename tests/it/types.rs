//! Values keep the type that they were recorded with.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU8;

use tracing::{info, info_span};
use tracing_llm::testing::Capture;

use crate::support::shows::{shows, shows_whole};

#[derive(Debug)]
struct Outer(Inner);

#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outer one")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inner one")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl Error for Inner {}

#[test]
fn integers_of_every_width() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "signed",
            i8 = i8::MIN,
            i16 = i16::MIN,
            i32 = i32::MIN,
            i64 = i64::MIN,
            i128 = i128::MIN,
            isize = -1_isize,
        ));
        drop(info_span!(
            "unsigned",
            u8 = u8::MAX,
            u16 = u16::MAX,
            u32 = u32::MAX,
            u64 = u64::MAX,
            u128 = u128::MAX,
            usize = 1_usize,
            non_zero = NonZeroU8::MIN,
        ));
    });
    shows(
        &capture,
        r#"
span signed
  in:     {"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"i128":-170141183460469231731687303715884105728,"isize":-1}
  meta:   {"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"i128":-170141183460469231731687303715884105728,"isize":-1}
span unsigned
  in:     {"u8":255,"u16":65535,"u32":4294967295,"u64":18446744073709551615,"u128":340282366920938463463374607431768211455,"usize":1,"non_zero":1}
  meta:   {"u8":255,"u16":65535,"u32":4294967295,"u64":18446744073709551615,"u128":340282366920938463463374607431768211455,"usize":1,"non_zero":1}
"#,
    );
}

#[test]
fn floats_and_what_is_no_number() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "floats",
            half = 0.5_f32,
            tenth = 0.1_f32,
            whole = 2.0,
            large = 1e300,
            negative_zero = -0.0,
            nan = f64::NAN,
            infinite = f64::INFINITY,
            below = f64::NEG_INFINITY,
        ));
    });
    shows(
        &capture,
        r#"
span floats
  in:     {"half":0.5,"tenth":0.10000000149011612,"whole":2.0,"large":1e+300,"negative_zero":-0.0,"nan":"NaN","infinite":"inf","below":"-inf"}
  meta:   {"half":0.5,"tenth":0.10000000149011612,"whole":2.0,"large":1e+300,"negative_zero":-0.0,"nan":"NaN","infinite":"inf","below":"-inf"}
"#,
    );
}

#[test]
fn text_bytes_and_switches() {
    let text = "say \"ä\"\n";
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "text",
            str = text,
            string = text.to_owned(),
            display = %text,
            debug = ?text,
            empty = "",
            r#true = true,
            bytes = &[0_u8, 1, 255][..],
        ));
    });
    shows(
        &capture,
        r#"
span text
  in:     {"str":"say \"ä\"\n","string":"say \"ä\"\n","display":"say \"ä\"\n","debug":"say \"ä\"\n","empty":"","true":true,"bytes":"AAH/"}
  meta:   {"str":"say \"ä\"\n","string":"say \"ä\"\n","display":"say \"ä\"\n","debug":"say \"ä\"\n","empty":"","true":true,"bytes":"AAH/"}
"#,
    );
}

#[test]
fn options_are_their_value_or_nothing() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "options",
            some = Some(5),
            none = None::<u64>,
            text = Some("x"),
            debug_some = ?Some(5),
            debug_text = ?Some("5"),
            debug_none = ?None::<u64>,
            nested = ?Some(Some(1.5)),
            nothing = ?Some(None::<u8>),
            large = ?Some(u64::MAX),
            larger = ?Some(u128::MAX),
            truth = ?Some(true),
            nan = ?Some(f32::NAN),
            unit = ?Some(std::cmp::Ordering::Less),
        ));
    });
    shows(
        &capture,
        r#"
span options
  in:     {"some":5,"text":"x","debug_some":5,"debug_text":"5","nested":1.5,"large":18446744073709551615,"larger":"340282366920938463463374607431768211455","truth":true,"nan":"NaN","unit":"Less"}
  meta:   {"some":5,"text":"x","debug_some":5,"debug_text":"5","nested":1.5,"large":18446744073709551615,"larger":"340282366920938463463374607431768211455","truth":true,"nan":"NaN","unit":"Less"}
"#,
    );
}

#[test]
fn errors_are_what_they_display() {
    let error = Outer(Inner);
    let capture = Capture::new();
    capture.run(|| {
        let dynamic: &(dyn Error + 'static) = &error;
        info_span!("errors", error = dynamic, display = %error, debug = ?error).in_scope(|| {
            info!(error = dynamic, "inside");
        });
    });
    shows_whole(
        &capture,
        r#"
span errors
  in:     {"error":"the outer one","display":"the outer one","debug":{"Outer":"Inner"}}
  meta:   {"error":"the outer one","display":"the outer one"}
  event:  {"message":"inside","error":"the outer one"}
"#,
    );
}

#[test]
fn what_stands_for_a_model_a_user_or_a_name_may_be_of_any_type() {
    let capture = Capture::new();
    capture.run(|| {
        drop(info_span!(
            "work",
            otel.name = 7,
            user_id = 42_u64,
            session_id = ?Some("s"),
            gen_ai.request.model = %"m",
            gen_ai.usage.input_tokens = "5",
            gen_ai.usage.output_tokens = 2.0,
            gen_ai.usage.cost = "0.5",
        ));
        drop(info_span!(
            "nonsense",
            gen_ai.request.model = 5,
            gen_ai.usage.input_tokens = -5,
            gen_ai.usage.output_tokens = 0.5,
            gen_ai.usage.cost = f64::NAN,
            langfuse.trace.public = "maybe",
        ));
    });
    shows(
        &capture,
        r#"
generation 7  model=m
  trace:  user=42 session=s
  usage:  input=5 output=2 total=7
  cost:   total=0.5
generation nonsense
"#,
    );
}
