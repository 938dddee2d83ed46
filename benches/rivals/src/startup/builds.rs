//! Builds of the crate, and of programs with it and without, in a place of their own that is removed again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::figures::Table;

pub(super) struct Builds {
    debug_seconds: f64,
    release_seconds: f64,
    /// Bytes that the crate adds to a program with little in it, and to one with an HTTP client.
    added: [u64; 2],
    /// What the two had before.
    before: [u64; 2],
}

impl Builds {
    pub(super) fn measure() -> Result<Self> {
        let place = Place::new()?;
        eprintln!("start-up: building the crate, debug and release");
        let timed = |profile: &str| -> Result<f64> {
            let start = Instant::now();
            place.cargo(repository(), &["build", "--lib", "--profile", profile])?;
            Ok(start.elapsed().as_secs_f64())
        };
        // Nothing is downloaded on the clock.
        place.cargo(repository(), &["fetch"])?;
        let (debug_seconds, release_seconds) = (timed("dev")?, timed("release")?);
        let size = |features: &str| -> Result<u64> {
            eprintln!("start-up: a host with {features:?}");
            let workspace = repository().join("benches/rivals");
            let words = [
                "build",
                "--package",
                "host",
                "--profile",
                "host",
                "--features",
                features,
            ];
            place.cargo(&workspace, &words)?;
            Ok(fs::metadata(place.0.join("host/host"))?.len())
        };
        let before = [size("")?, size("client")?];
        let after = [size("llm")?, size("client,llm")?];
        Ok(Self {
            debug_seconds,
            release_seconds,
            added: [after[0] - before[0], after[1] - before[1]],
            before,
        })
    }

    pub(super) fn rows(&self, table: &mut Table) {
        let mib = |bytes: u64| format!("{:.2} MiB", bytes as f64 / 1024.0 / 1024.0);
        let mut row = |what: &str, figure: String| table.row(&[what.to_owned(), figure]);
        row(
            "clean debug build of the default crate",
            format!("{:.0} s", self.debug_seconds),
        );
        row("clean release build", format!("{:.0} s", self.release_seconds));
        let [little, client] = self.before.map(mib);
        row(
            &format!("added to a stripped release binary that has nothing of it ({little})"),
            mib(self.added[0]),
        );
        row(
            &format!("added to one that has tracing, tokio and reqwest with rustls ({client})"),
            mib(self.added[1]),
        );
    }
}

/// How many crates a build with default features compiles.
pub(super) fn crates() -> Result<f64> {
    let output = Command::new(repository().join("scripts/count-crates")).output()?;
    let text = String::from_utf8(output.stdout)?;
    let count = text.split(' ').next().unwrap_or_default();
    Ok(count
        .parse()
        .map_err(|_| format!("scripts/count-crates said {text:?}"))?)
}

fn repository() -> &'static Path {
    // Two floors up: benches/rivals.
    let manifest: &'static Path = env!("CARGO_MANIFEST_DIR").as_ref();
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

/// A target folder.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self> {
        let place = Self(std::env::temp_dir().join(format!("rivals-builds-{}", std::process::id())));
        fs::create_dir(&place.0)?;
        Ok(place)
    }

    fn cargo(&self, folder: &Path, words: &[&str]) -> Result<()> {
        let status = Command::new("cargo")
            .args(words)
            .args(["--quiet", "--locked"])
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &self.0)
            .env("CARGO_INCREMENTAL", "0")
            .status()?;
        if !status.success() {
            return Err(format!("cargo {words:?}: {status}").into());
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Half a gigabyte; what cannot be removed lies in the folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}
