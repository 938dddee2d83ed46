//! The program `tracing-llm`, as it is built, against the words of a recorded server: what it prints, and how it ends.

mod doctor;
mod prompts;
mod reads;
mod scores;

use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};

use crate::support::receiver::Receiver;

/// What became of it.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// It, with these arguments, and no variables but these.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracing-llm"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command
}

/// Runs it. No secret is printed, whatever happens.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = command(arguments, variables).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    for secret in [Receiver::SECRET_KEY, "planted"] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}\n{err}");
    }
    Ran {
        code: output.status.code(),
        out,
        err,
    }
}

/// Runs it for the project of this server; it must do what it was asked to.
fn prints(server: &Receiver, arguments: &[&str]) -> String {
    let ran = with(server, arguments);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    ran.out
}

fn with(server: &Receiver, arguments: &[&str]) -> Ran {
    run(arguments, &project(&server.url()))
}

/// The variables of a program that speaks to a server here.
fn project(url: &str) -> [(&'static str, &str); 3] {
    [
        ("LANGFUSE_PUBLIC_KEY", Receiver::PUBLIC_KEY),
        ("LANGFUSE_SECRET_KEY", Receiver::SECRET_KEY),
        ("LANGFUSE_BASE_URL", url),
    ]
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("<!-- command line").unwrap();
    let (_, shown) = shown.split_once("```text\n$ tracing-llm ").unwrap();
    let (shown, _) = shown.split_once("```\n").unwrap();
    for one in shown.split("\n$ tracing-llm ") {
        let (command, shown) = one.split_once('\n').unwrap();
        let server = match command {
            "doctor" => doctor::well(),
            _ => reads::recorded(),
        };
        let printed = prints(&server, &command.split(' ').collect::<Vec<_>>());
        let printed = printed
            .replace(&server.url(), "https://langfuse.example")
            .replace(&server.address().to_string(), "langfuse.example:443");
        let plain = |page: &str| doctor::without_ids_and_times(page.trim_end());
        assert_eq!(plain(&printed), plain(shown), "{command}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_said_on_stderr() {
    for (arguments, code, said) in [
        (&["fix"][..], 2, "unrecognized subcommand 'fix'"),
        (&["prompt", "get"], 2, "<NAME>"),
        (&["score", "mood", "1"], 2, "<--trace <ID>|--session <ID>>"),
        (
            &[
                "score",
                "mood",
                "1",
                "--trace",
                "00000000000000000000000000000001",
                "--session",
                "s",
            ],
            2,
            "cannot be used with",
        ),
        (
            &["score", "mood", "1", "--trace", "planet"],
            2,
            "invalid value 'planet'",
        ),
        (&["cost", "--json", "--csv"], 2, "cannot be used with"),
        (&["traces", "an-id", "--csv"], 2, "cannot be used with"),
        (&["traces", "an-id", "--limit", "3"], 2, "cannot be used with"),
        (&["traces", ""], 2, "a value is required"),
        (&["traces", "--since", "yesterday"], 2, "neither a time ago"),
        (
            &["cost"],
            1,
            "tracing-llm: LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are not set\n",
        ),
    ] {
        let ran = run(arguments, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert!(help.out.contains("\n  doctor"), "{}", help.out);
}

#[test]
fn a_server_that_says_no_is_a_failure_on_stderr() {
    let server = Receiver::new(|_| crate::support::replay::answered("setup", "projects, wrong secret"));
    let ran = with(&server, &["cost", "--by", "user"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert_eq!(
        ran.err,
        format!(
            "tracing-llm: cannot read metrics: {} answered 401 Unauthorized: Invalid credentials. Confirm that you've \
             configured the correct host.\n",
            server.address()
        )
    );
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let (reading, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let server = Receiver::new(move |_| {
        // Answers when nobody reads any more.
        let _ = gone.lock().unwrap().recv();
        crate::support::replay::answered("metrics", "daily cost and tokens by model")
    });
    let mut child = command(&["cost", "--by", "model"], &project(&server.url()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(reading);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
}
