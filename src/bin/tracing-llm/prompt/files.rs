//! Prompts as YAML files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing_llm::Langfuse;
use tracing_llm::langfuse::{PromptFile, Selector};

use crate::args::Which;
use crate::page::{Failure, Outcome, Page, plain};

pub(super) fn pull(
    langfuse: &Langfuse,
    names: &[String],
    which: Which,
    dir: &Path,
    page: &mut Page<'_>,
) -> Outcome {
    let selector = Selector::from(which);
    for name in names {
        let path = path(dir, name)?;
        let older = older(&path, name)?;
        let pulled = langfuse.pull_prompt_blocking(name, selector.clone())?;
        let file = match &older {
            Some(older) => pulled.keeping(older),
            None => pulled,
        };
        let text = file.to_yaml();
        // A file that says the same in other words stays as somebody wrote it.
        let what = if older.is_some_and(|older| older.to_yaml() == text) {
            "unchanged".to_owned()
        } else {
            write(&path, &text)?;
            format!("version {}", file.version().unwrap_or_default())
        };
        page.line(format_args!("{}  {what}", path.display()))?;
    }
    Ok(())
}

pub(super) fn push(langfuse: &Langfuse, files: &[PathBuf], page: &mut Page<'_>) -> Outcome {
    // All are read before the first is pushed.
    let read = files.iter().map(|path| {
        let text = fs::read_to_string(path).map_err(|error| failed("read", path, &error))?;
        parse(path, &text)
    });
    let read = read.collect::<Outcome<Vec<_>>>()?;
    for file in read {
        let what = match langfuse.push_prompt_blocking(&file)? {
            Some(version) => format!("version {version}"),
            None => "unchanged".to_owned(),
        };
        page.line(format_args!("{}  {what}", plain(file.name())))?;
    }
    Ok(())
}

/// Folders of a name are folders on disk; a name that would lead elsewhere is none.
fn path(dir: &Path, name: &str) -> Outcome<PathBuf> {
    let unfit = |part: &str| ["", ".", ".."].contains(&part) || part.contains(['\\', ':', '\0']);
    if name.split('/').any(unfit) {
        return Err(Failure::Said(format!(
            "the prompt {name:?} has no name that a file can have"
        )));
    }
    Ok(dir.join(format!("{name}.yaml")))
}

/// What stands in the file. One that is no prompt, or another, is somebody else's, and is not written over.
fn older(path: &Path, name: &str) -> Outcome<Option<PromptFile>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let older = parse(path, &text)?;
            if older.name() == name {
                return Ok(Some(older));
            }
            let (path, older) = (path.display(), older.name());
            Err(Failure::Said(format!("{path} is of another prompt, {older:?}")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn parse(path: &Path, text: &str) -> Outcome<PromptFile> {
    PromptFile::parse(text).map_err(|error| Failure::Said(format!("{}: {error:?}", path.display())))
}

fn write(path: &Path, text: &str) -> Outcome {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| fs::write(path, text));
    written.map_err(|error| failed("write", path, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Said(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        let dir = Path::new("prompts");
        assert_eq!(
            path(dir, "support/greeting & more").unwrap(),
            dir.join("support/greeting & more.yaml")
        );
        for name in ["", "../a", "a/../../b", "/etc/a", "a//b", "./a", "a\\b", "c:a"] {
            assert!(path(dir, name).is_err(), "{name}");
        }
    }
}
