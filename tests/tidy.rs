//! Conventions of this repository, held by a test: who may import whom, how long a file may be, what is never committed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may; clippy.toml only knows it of `#[test]` functions, not of their helpers"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The rooms of the house (`ARCHITECTURE.md`): a room is a top-level module with its folder. Imports go down only, and rooms
/// on one floor do not import each other.
const FLOORS: [(u8, &str); 6] = [
    // The front door, the wiring, the test kit and experiments know all rooms.
    (5, "lib builder testing experiment"),
    (4, "langfuse"),
    (3, "layer manual pipeline otlp opentelemetry console signal"),
    // Seams: one trait, or one shared thing, each.
    (
        2,
        "read process export sink ledger diag http describe above dialect own_thread",
    ),
    (1, "model sample"),
    (
        0,
        "id clock error env debug_text json_text media_text field table",
    ),
];

/// Imports that the floors forbid and a reason allows: from, to, why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Lines of code a file of `src` may have; blank lines, comments and test modules are not counted.
const MOST_LINES: usize = 300;

#[test]
fn imports_go_down_only() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    // A program is a user of the crate: the compiler shows it the front door alone.
    for file in sources().iter().filter(|file| !file.starts_with("src/bin")) {
        let room = room_of(file);
        let name = file.display();
        let Some(floor) = floor_of(&room) else {
            faults.push(format!(
                "{name}: room `{room}` stands on no floor; give it one in FLOORS, in tests/tidy.rs"
            ));
            continue;
        };
        for (line, to) in imports(&code_of(&read(file)), depth_of(file)) {
            let Some(floor_below) = floor_of(&to) else {
                faults.push(format!(
                    "{name}:{line}: `crate::{to}` is no room; name the room that defines it"
                ));
                continue;
            };
            if room == to || floor == 5 || floor_below < floor {
                continue;
            }
            match EXCEPTIONS
                .iter()
                .find(|(from, below, _)| *from == room && *below == to)
            {
                Some(exception) => drop(used.insert(exception)),
                None => faults.push(format!(
                    "{name}:{line}: `{room}` (floor {floor}) imports `{to}` (floor {floor_below})"
                )),
            }
        }
    }
    for exception in EXCEPTIONS.iter().filter(|it| !used.contains(it)) {
        faults.push(format!("exception {exception:?} is needed no more"));
    }
    assert!(
        faults.is_empty(),
        "imports go down only (ARCHITECTURE.md):\n{}",
        faults.join("\n")
    );
}

#[test]
fn files_stay_short() {
    let lines_of_code = |file: &PathBuf| {
        code_of(&read(file))
            .lines()
            .filter(|it| !it.trim().is_empty())
            .count()
    };
    let long: Vec<_> = sources()
        .iter()
        .map(|file| (file, lines_of_code(file)))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{}: {lines} lines of code", file.display()))
        .collect();
    assert!(
        long.is_empty(),
        "more than {MOST_LINES} lines of code, so more than one thing:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_path_of_somebodys_machine_is_committed() {
    // In two parts, lest this file be found.
    let roots = [
        ("/ho", "me/"),
        ("/Us", "ers/"),
        ("/ro", "ot/"),
        ("/wo", "rk/"),
        ("/fa", "rm/"),
        (":\\Us", "ers\\"),
    ]
    .map(|(a, b)| format!("{a}{b}"));
    let listing = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(repository())
        .output();
    // A packaged crate has no repository, and what was packaged has been through this test.
    let Some(listing) = listing.ok().filter(|it| it.status.success()) else {
        return;
    };
    let files = String::from_utf8(listing.stdout).unwrap();
    let mut faults = Vec::new();
    for file in files.split('\0').filter(|it| !it.is_empty()) {
        // Binary files, and ones deleted but not yet committed so, have no text.
        let Ok(text) = fs::read_to_string(repository().join(file)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if roots.iter().any(|root| starts_a_path(line, root)) {
                faults.push(format!("{file}:{}: {line}", number + 1));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "these paths mean nothing on other machines:\n{}",
        faults.join("\n")
    );
}

#[test]
fn changelog_knows_this_version() {
    // Both come with the front page.
    if !repository().join("README.md").exists() {
        return;
    }
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md".as_ref());
    assert!(
        changelog
            .lines()
            .any(|line| line.starts_with('#') && line.contains(version)),
        "CHANGELOG.md has no heading with {version}"
    );
}

#[test]
fn imports_are_found_in_code_and_nowhere_else() {
    let source = r##"
//! See [`crate::lib`] and use crate::nothing;
use crate::model::{Observation, usage::Usage};
pub(crate) use crate::{
    id::SpanId,
    clock::{self, Clock}, // crate::comment
};
pub(in crate::layer) struct Lifetime<'a>(&'a str);
/* use crate::block; /* nested */ use crate::block; */
fn call() -> crate::error::Error {
    let quote = '"';
    let _ = ("crate::text", r#"crate::"raw""#, '\'', b"crate::bytes");
    super::env::read();
    self::super::sink::put();
    super::Unknown::new()
}
use crate::*;
#[cfg(test)]
mod tests {
    use crate::testing::capture;
    fn nested() { { } }
}
use crate::diag;
#[cfg(test)]
use crate::testing::tree;
"##;
    let found = imports(&code_of(source), 1);
    let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(
        names,
        ["model", "id", "clock", "error", "env", "sink", "*", "diag"]
    );
    assert_eq!(found[1].0, 5, "lines are counted through comments and groups");
    assert_eq!(
        imports("use super::super::otlp;\nuse super::roles;", 2),
        [(1, "otlp".to_owned())]
    );
}

#[test]
fn only_paths_that_start_there_are_somebodys() {
    let root = format!("/ro{}", "ot/");
    for (line, found) in [
        ("see /ro-ot/x", true),
        ("\"/ro-ot/x\"", true),
        ("a/ro-ot/x", false),
        ("{dir}/ro-ot/x", false),
    ] {
        assert_eq!(
            starts_a_path(&line.replace("ro-ot", "root"), &root),
            found,
            "{line}"
        );
    }
}

fn repository() -> &'static Path {
    env!("CARGO_MANIFEST_DIR").as_ref()
}

fn read(file: &Path) -> String {
    fs::read_to_string(repository().join(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All files of `src`, by their path in the repository, less test modules in files of their own.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if repository().join(&path).is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk("src".as_ref(), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no sources");
    files
}

/// `src/layer.rs` and `src/layer/roles.rs` are both of the room `layer`.
fn room_of(file: &Path) -> String {
    let below_src = file.iter().nth(1).expect("a file below src");
    Path::new(below_src)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// How many `super::` lead from a file's module to the crate: none from `lib.rs`, one from `layer.rs`, two from `layer/roles.rs`.
fn depth_of(file: &Path) -> usize {
    if file.ends_with("src/lib.rs") {
        0
    } else {
        file.iter().count() - 1 - usize::from(file.ends_with("mod.rs"))
    }
}

fn floor_of(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(_, rooms)| rooms.split(' ').any(|it| it == room))
        .map(|(floor, _)| *floor)
}

fn starts_a_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        !line[..at]
            .ends_with(|c: char| c.is_alphanumeric() && !root.starts_with(':') || "._-/*})".contains(c))
    })
}

/// The first name after `crate::` of each path, each with its line; groups give one for each member. A `super::` that leads to
/// the crate counts as `crate::` where a room stands behind it; in an inline module it may mean something nearer.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| *token);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let in_visibility = start >= 2 && token(start - 1) == "in" && token(start - 2) == "(";
        let after_path = start >= 1 && token(start - 1) == "::" && token(start.saturating_sub(2)) != "self";
        at += 1;
        let from_crate = token(start) == "crate";
        if from_crate && token(at) == "::" {
            at += 1;
        } else if token(start) == "super" && token(at) == "::" && !after_path {
            at += 1;
            let mut supers = 1;
            while token(at) == "super" && token(at + 1) == "::" {
                at += 2;
                supers += 1;
            }
            if supers != depth {
                continue;
            }
        } else {
            continue;
        }
        if in_visibility {
            continue;
        }
        let mut names = Vec::new();
        if token(at) == "{" {
            let mut nesting = 0;
            let mut member_starts = false;
            for (line, token) in &tokens[at..] {
                match *token {
                    "{" => {
                        nesting += 1;
                        member_starts = nesting == 1;
                    }
                    "}" => nesting -= 1,
                    "," => member_starts = nesting == 1,
                    name if member_starts => {
                        names.push((*line, name.to_owned()));
                        member_starts = false;
                    }
                    _ => {}
                }
                if nesting == 0 {
                    break;
                }
            }
        } else if let Some((line, name)) = tokens.get(at) {
            names.push((*line, (*name).to_owned()));
        }
        found.extend(
            names
                .into_iter()
                .filter(|(_, name)| from_crate || floor_of(name).is_some()),
        );
    }
    found
}

/// Words, `::` and single other characters, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((number + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code of a file, line for line: without comments, without what stands in literals, without test modules.
fn code_of(source: &str) -> String {
    without_tests(&without_comments_and_text(source))
}

fn without_comments_and_text(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after_word = code.ends_with(is_word);
        let (length, kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), "")
        } else if rest.starts_with("/*") {
            (block_comment(rest), "")
        } else if let Some(length) = raw_text(rest).filter(|_| !after_word) {
            (length, "_")
        } else if first == '"' {
            (quoted(rest, '"'), "_")
        } else if let Some(length) = character(rest) {
            (length, "_")
        } else {
            (first.len_utf8(), &rest[..first.len_utf8()])
        };
        code.push_str(kept);
        if kept.len() != length {
            // What spans lines goes on spanning them, and a line of text is a line of code.
            let lines = rest[..length].matches('\n').count();
            code.extend((0..lines).flat_map(|_| ["\n", kept]));
        }
        rest = &rest[length..];
    }
    code
}

fn block_comment(rest: &str) -> usize {
    let mut nesting = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (nesting, at) = (nesting + 1, at + 2),
            Some(b"*/") => (nesting, at) = (nesting - 1, at + 2),
            _ => at += 1,
        }
        if nesting == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_text(rest: &str) -> Option<usize> {
    let after_r = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let text = after_r[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(
        text.find(&end)
            .map_or(rest.len(), |at| rest.len() - text.len() + at + end.len()),
    )
}

/// A character, and not a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut inside = rest.strip_prefix('\'')?.chars();
    match (inside.next()?, inside.next()?) {
        ('\\', _) => Some(quoted(rest, '\'')),
        (it, '\'') => Some(it.len_utf8() + 2),
        _ => None,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// Blanks each item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .filter_map(|it| rest.find(it))
        .min()
    {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let mut nesting = 0;
        // A `use` may have braces before its end.
        let imports = item
            .split(']')
            .nth(1)
            .is_some_and(|it| it.trim_start().starts_with("use "));
        let end = item.char_indices().find_map(|(at, c)| {
            match c {
                '{' => nesting += 1,
                '}' => nesting -= 1,
                _ => {}
            }
            (nesting == 0 && (c == ';' || c == '}' && !imports)).then_some(at + 1)
        });
        let end = end.unwrap_or(item.len());
        out.extend((0..item[..end].matches('\n').count()).map(|_| '\n'));
        rest = &item[end..];
    }
    out + rest
}

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let (readme, example) = (read("README.md"), read("examples/quickstart/main.rs"));
    let shown = readme
        .split_once("examples/quickstart/main.rs -->\n```rust,ignore\n")
        .unwrap()
        .1;
    let (shown, _) = shown.split_once("\n```\n").unwrap();
    assert!(
        example.contains(shown),
        "README.md shows another quickstart than examples/quickstart/main.rs"
    );
}

/// The table of variables and the names in the code are one list; of a variable for everything and its form for traces
/// or spans, the table has the first.
#[test]
fn the_readme_lists_the_variables_that_are_read() {
    let general = |name: &str| {
        name.replace("OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_")
            .replace("OTEL_SPAN_", "OTEL_")
    };
    let readme = read(&repository().join("README.md"));
    let (_, table) = readme.split_once("<!-- variables -->").unwrap();
    let (table, _) = table.split_once("<!-- /variables -->").unwrap();
    let words = table.split('`').skip(1).step_by(2);
    let listed: BTreeSet<_> = words.filter(|word| is_variable(word)).map(general).collect();
    let mut used = BTreeSet::new();
    for file in sources() {
        let code = without_test_modules(&read(&file));
        let texts = code.split('"').skip(1).step_by(2);
        used.extend(texts.filter(|text| is_variable(text)).map(general));
    }
    for of_the_build_or_the_terminal in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "NO_COLOR"] {
        used.remove(of_the_build_or_the_terminal);
    }
    assert_eq!(listed, used, "README.md's table (left) and the code (right)");
}

fn without_test_modules(source: &str) -> String {
    source
        .split_once("#[cfg(test)]\nmod tests {")
        .map_or(source, |(code, _)| code)
        .to_owned()
}

fn is_variable(text: &str) -> bool {
    let is_of_a_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.contains('_') && !text.ends_with('_') && text.bytes().all(is_of_a_name)
}
