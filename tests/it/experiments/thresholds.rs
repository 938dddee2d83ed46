//! Whether a run is good enough, and how a report looks.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing_llm::Score;
use tracing_llm::experiment::{Item, Report};

use super::offline;
use crate::support::alone::alone;

/// Four items, of which one fails and one has no tone.
fn report() -> Report<u8> {
    let items = (1..=4).map(|number: u8| Item::new(number).with_id(format!("item {number}")));
    let llm = offline();
    let plan = llm.experiment("numbers\u{1b}[2J").items(items);
    let trial = plan.task(|item| async move {
        match item.input_as::<u8>().unwrap() {
            3 => Err("no\nthree"),
            number => Ok(number),
        }
    });
    let trial = trial
        .evaluator("half", |case| f64::from(*case.output()) / 2.0)
        .evaluator("even", |case| case.output() % 2 == 0)
        .evaluator("tone", |case| (*case.output() > 1).then_some("kind"))
        .evaluator(
            "not two",
            |case| if *case.output() == 2 { Err("two") } else { Ok(1) },
        );
    let trial = trial.run_evaluator("largest", |rows| {
        rows.iter()
            .filter_map(|row| row.output().copied())
            .max()
            .map(f64::from)
    });
    alone(
        trial
            .run_evaluator("smallest", |_| Err::<f64, _>("nobody knows"))
            .run(),
    )
    .unwrap()
}

#[test]
fn what_failed_counts_as_nothing_when_a_score_must_be_reached() {
    let report = report();
    assert_eq!(report.mean("even"), Some(2.0 / 3.0));
    assert_eq!(report.check_min("even", 0.5), Ok(0.5));
    let unmet = report.check_min("even", 0.6).unwrap_err();
    assert_eq!(
        unmet.to_string(),
        "even is 0.500, and must be at least 0.6; 1 of 4 items failed, which counts as 0"
    );
    // The evaluator failed on one more.
    assert_eq!(report.check_min("not two", 0.5), Ok(0.5));
    // Of the whole run, and above 1.
    assert_eq!(report.check_min("largest", 4.0), Ok(4.0));
    for (name, why) in [
        ("smallest", "smallest of the whole run is not known: nobody knows"),
        (
            "tone",
            "no item has a number as score \"tone\"; there are: half, even, tone, not two",
        ),
        (
            "x",
            "no item has a number as score \"x\"; there are: half, even, tone, not two",
        ),
    ] {
        assert_eq!(report.check_min(name, 0.0).unwrap_err().to_string(), why);
    }
    assert!(report.check_min("even", f64::NAN).is_err());
}

#[test]
fn whichever_evaluator_of_a_score_fails_its_item_counts_as_nothing() {
    let llm = offline();
    let trial = llm.experiment("x").items((1..=4).map(|number| (number, ())));
    let trial = trial.task(|item| async move { item.input_as::<u8>() });
    let quality = || Score::new("quality", 1);
    let trial = trial.evaluator("short", |case| (*case.output() <= 2).then(quality));
    let trial = trial.evaluator("long", |case| match case.output() {
        4 => Err("unreadable"),
        number => Ok((*number == 3).then(quality)),
    });
    let report = alone(trial.run()).unwrap();
    assert_eq!(report.mean("quality"), Some(1.0));
    assert_eq!(report.check_min("quality", 0.5), Ok(0.75));
}

#[test]
fn a_test_that_asks_for_too_much_shows_the_table() {
    let report = report();
    report.assert_min("even", 0.5);
    let panic = catch_unwind(AssertUnwindSafe(|| report.assert_min("even", 0.9))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(
        text.starts_with("even is 0.500, and must be at least 0.9"),
        "{text}"
    );
    assert!(
        text.contains("item 2") && text.contains("failed: item 3: no\\nthree"),
        "{text}"
    );
}

/// A table without the times, which are chance.
fn without_times(table: &str) -> String {
    let (head, table) = table.split_once('\n').unwrap();
    let mut lines = vec![head.rsplit_once(" · ").unwrap().0.to_owned()];
    for line in table.lines() {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let is_time = |cell: &&str| {
            [" ns", " µs", " ms", " s"]
                .iter()
                .any(|unit| cell.ends_with(unit))
        };
        let cells: Vec<_> = cells.filter(|cell| !is_time(cell)).collect();
        lines.push(cells.join(" | "));
    }
    lines.join("\n")
}

#[test]
fn a_report_is_a_table_that_gives_the_terminal_no_orders() {
    assert_eq!(
        without_times(&report().to_string()),
        r"numbers\u{1b}[2J · 4 items · 1 failed · 2 evaluations failed
item | latency | half | even | tone | not two
item 1 | 0.5 | false | – | 1
item 2 | 1 | true | kind | –
item 3 | – | – | – | –
item 4 | 2 | true | kind | 1
mean | 1.167 | 0.667 | – | 1
largest 4
failed: item 2, not two: two
failed: item 3: no\nthree
failed: smallest: nobody knows"
    );
}

#[test]
fn a_long_report_is_cut() {
    let items = (0..100).map(|number: u8| Item::new(number));
    let llm = offline();
    let trial = llm
        .experiment("x")
        .items(items)
        .task(|_| async { Err::<(), _>("no") });
    let text = alone(trial.run()).unwrap().to_string();
    assert!(
        text.contains("… 80 more\n") && text.contains("failed: … 80 more\n"),
        "{text}"
    );
    assert!(text.lines().count() < 50);
}

#[test]
fn nothing_that_was_said_is_in_the_debug_text() {
    let llm = offline();
    let trial = llm.experiment("x").items([("private", "private")]);
    let trial = trial
        .task(|_| async { Ok::<_, Infallible>("private") })
        .evaluator("e", |_| "private");
    assert!(!format!("{trial:?}").contains("private"));
    let report = alone(trial.run()).unwrap();
    assert!(!format!("{report:?} {:?}", report.rows()).contains("private"));
}
