//! Finished traces as indented trees on the terminal: what one sees with no server at all.

mod draw;
mod line;
mod waiting;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, TryLockError};

use crate::console::draw::Style;
pub(crate) use crate::console::draw::{dollars, duration};
pub(crate) use crate::console::line::word;
use crate::console::waiting::Waiting;
use crate::dialect::Pages;
use crate::export::{Batch, ExportError, ExportFuture, Exported, Exporter};

/// Prints every finished trace as a tree:
///
/// ```text
/// trace answer · user u-1 · session s-1 · 160 tokens · $0.0003 · 0af7651916cd43dd8448eb211c80319c
/// AGENT answer  1.24 s
/// │  in   {"question":"How long do we keep invoices?"}
/// │  out  Invoices are kept for seven years.
/// ├─ RETRIEVER semantic_search  12 ms
/// │     in   {"query":"How long do we keep invoices?","top_k":5}
/// │     out  ["Invoices are kept for seven years."]
/// └─ GENERATION generate_response  mistral-7b  120 → 40 tokens  $0.0003  1.10 s
///       in   Answer from these passages: …
///       out  Invoices are kept for seven years.
/// ```
///
/// A trace is printed when its topmost observation has ended. Until then its observations wait, in at most
/// [32 MiB](Self::DEFAULT_WAITING_BYTES); past that, or when nothing came for five minutes, or at the end of the pipeline, what is there is printed and
/// called unfinished.
///
/// Input and output show their first line. Control characters are shown escaped, so that no prompt and no answer
/// can give orders to the terminal.
pub struct ConsoleExporter {
    out: Output,
    style: Style,
    waiting: Waiting,
}

/// The writer, shared with the thread that writes.
type Output = Arc<Mutex<Box<dyn Write + Send>>>;

impl ConsoleExporter {
    /// How much may wait: 32 MiB, some 32 observations of the longest contents that are kept, or thousands of the usual.
    pub const DEFAULT_WAITING_BYTES: usize = 32 * 1024 * 1024;

    /// Prints to stderr, in colour when that is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn stderr() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = io::stderr().is_terminal() && !set("NO_COLOR") && !dumb;
        Self::new(io::stderr()).color(color)
    }

    /// Prints to anything, without colour.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self {
            out: Arc::new(Mutex::new(Box::new(out))),
            style: Style::PLAIN,
            waiting: Waiting::new(Self::DEFAULT_WAITING_BYTES),
        }
    }

    /// Whether to print in colour.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.style.color = color;
        self
    }

    /// At most so much of traces that have not ended waits, for those whose contents are long;
    /// [`DEFAULT_WAITING_BYTES`](Self::DEFAULT_WAITING_BYTES) when it is not said.
    #[must_use]
    pub fn waiting_bytes(mut self, bytes: usize) -> Self {
        self.waiting = Waiting::new(bytes);
        self
    }

    /// Prints the addresses of these pages below each root.
    pub(crate) fn linked(mut self, pages: Vec<(&'static str, Pages)>) -> Self {
        self.style.pages = pages;
        self
    }
}

impl Exporter for ConsoleExporter {
    fn name(&self) -> &str {
        "console"
    }

    fn export<'a>(&'a mut self, batch: &'a Batch) -> ExportFuture<'a> {
        Box::pin(async {
            let text = self.waiting.add(batch, &self.style);
            if text.is_empty() {
                return Ok(Exported::all());
            }
            let out = Arc::clone(&self.out);
            // A terminal that is held (Ctrl-S) or a pipe that nobody reads blocks its writer, and this thread serves
            // every destination.
            match tokio::task::spawn_blocking(move || write(&out, &text)).await {
                Ok(Ok(())) => Ok(Exported::all()),
                Ok(Err(error)) => Err(ExportError::reject(format!("cannot print: {error}"))),
                Err(_) => Err(ExportError::reject("cannot print: the writer panicked")),
            }
        })
    }
}

/// Prints what still waits.
impl Drop for ConsoleExporter {
    fn drop(&mut self) {
        let text = self.waiting.rest(&self.style);
        if !text.is_empty() {
            // Nobody is left who could be told.
            let _ = write(&self.out, &text);
        }
    }
}

impl fmt::Debug for ConsoleExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleExporter").finish_non_exhaustive()
    }
}

/// Writes the text in one piece, so that the host's own lines do not fall into a tree.
fn write(out: &Output, text: &str) -> io::Result<()> {
    // Held means that an earlier tree is still being written: waiting too would only pile up threads.
    let mut out = out.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "the terminal takes nothing"),
        TryLockError::Poisoned(_) => io::Error::other("the writer panicked"),
    })?;
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hand::{Hand, made};

    /// A writer whose text can be read, and that fails when it is told to.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut page = self.0.lock().unwrap();
            if page.1 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            page.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    fn batch(observations: impl IntoIterator<Item = Hand>) -> Batch {
        Batch::new(0, observations.into_iter().map(Hand::shared).collect())
    }

    #[tokio::test]
    async fn a_trace_is_printed_when_its_top_has_come_and_the_rest_at_the_end() {
        let page = Page::default();
        let mut console = ConsoleExporter::new(page.clone());
        console
            .export(&batch([made("child").below("top")]))
            .await
            .unwrap();
        assert_eq!(page.text(), "");
        console
            .export(&batch([made("top"), made("lost").below("never")]))
            .await
            .unwrap();
        let finished = page.text();
        assert!(finished.contains("SPAN top  0 ns\n└─ SPAN child"), "{finished}");
        assert!(!finished.contains("lost"), "{finished}");
        drop(console);
        let rest = page.text().split_off(finished.len());
        assert!(rest.starts_with("\ntrace lost (unfinished)"), "{rest}");
    }

    #[tokio::test]
    async fn a_writer_that_fails_is_a_refusal_and_no_panic() {
        let page = Page::default();
        page.0.lock().unwrap().1 = true;
        let mut console = ConsoleExporter::new(page);
        let refused = console.export(&batch([made("top")])).await.unwrap_err();
        assert_eq!(refused.to_string(), "cannot print: broken pipe");
        assert!(!refused.is_retryable());
    }

    #[tokio::test]
    async fn a_writer_that_hangs_holds_up_nobody_else() {
        struct Held(std::sync::mpsc::Receiver<()>);
        impl Write for Held {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, held) = std::sync::mpsc::channel();
        let mut console = ConsoleExporter::new(Held(held));
        let batch = batch([made("top")]);
        let mut export = console.export(&batch);
        let waited = tokio::time::timeout(std::time::Duration::ZERO, &mut export).await;
        assert!(waited.is_err(), "this thread went on while the writer was held");
        drop(release);
        export.await.unwrap();
    }
}
