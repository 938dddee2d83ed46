//! The destinations: a process of its own that answers what a collector and what Langfuse answer, and looks no further into a
//! body than it needs to count the spans.

mod count;
mod http;

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use crate::Result;
use crate::helper::{Helper, numbers};

/// Where OTLP goes, and where Langfuse takes it.
pub(crate) const OTLP_PATH: &str = "/v1/traces";
pub(crate) const LANGFUSE_PATH: &str = "/api/public/otel/v1/traces";
pub(crate) const PUBLIC_KEY: &str = "pk-lf-bench";
pub(crate) const SECRET_KEY: &str = "sk-lf-bench";

/// The sink's process, as its starter sees it.
pub(crate) struct Sink(Helper);

/// What one port got at one of its two destinations.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Arrived {
    pub(crate) spans: u64,
    /// Of the bodies, as they came.
    pub(crate) bytes: u64,
    /// How many bodies were compressed.
    pub(crate) packed: u64,
}

impl Sink {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self(Helper::start(&["sink"])?))
    }

    /// A port that nobody has used yet.
    pub(crate) fn port(&mut self) -> Result<u16> {
        Ok(self.0.ask("open")?.parse()?)
    }

    /// What came to this port up to now: over OTLP, and for Langfuse. What was wrong with a request is an error.
    pub(crate) fn arrived(&mut self, port: u16) -> Result<[Arrived; 2]> {
        let answer = self.0.ask(&format!("count {port}"))?;
        if let Some(fault) = answer.strip_prefix("fault ") {
            return Err(format!("a request to the sink: {fault}").into());
        }
        let [a, b, c, d, e, f] = numbers(&answer)?;
        let arrived = |spans, bytes, packed| Arrived { spans, bytes, packed };
        Ok([arrived(a, b, c), arrived(d, e, f)])
    }
}

/// The sink's process itself: it obeys what comes on its input, until that ends.
pub(crate) fn main() -> Result<()> {
    let mut ports = HashMap::new();
    for command in io::stdin().lines() {
        let command = command?;
        if command == "open" {
            let (port, received) = open()?;
            ports.insert(port, received);
            println!("{port}");
        } else if let Some(port) = command.strip_prefix("count ") {
            let received: &Arc<Received> = ports.get(&port.parse::<u16>()?).ok_or("no such port")?;
            match received.sums() {
                Ok([otlp, langfuse]) => println!(
                    "{} {} {} {} {} {}",
                    otlp.spans, otlp.bytes, otlp.packed, langfuse.spans, langfuse.bytes, langfuse.packed
                ),
                Err(fault) => println!("fault {fault}"),
            }
        }
    }
    Ok(())
}

fn open() -> Result<(u16, Arc<Received>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let received = Arc::new(Received::default());
    let shared = Arc::clone(&received);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let received = Arc::clone(&shared);
            thread::spawn(move || received.serve(&connection));
        }
    });
    Ok((port, received))
}

/// What came to one port.
#[derive(Default)]
struct Received {
    otlp: Destination,
    langfuse: Destination,
    /// The first thing that was wrong.
    fault: Mutex<Option<String>>,
}

#[derive(Default)]
struct Destination {
    spans: AtomicU64,
    bytes: AtomicU64,
    /// Compressed bodies, to be opened when the sums are asked for: that is no part of what is measured.
    packed: Mutex<Vec<Vec<u8>>>,
}

impl Received {
    fn serve(&self, connection: &TcpStream) {
        if let Err(error) = http::serve(connection, |request| self.take(request)) {
            let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            fault.get_or_insert_with(|| error.to_string());
        }
    }

    /// The spans are in the sum before the answer goes out, so that a flush that has been answered is in it, too.
    fn take(&self, request: http::Request) -> Result<http::Answer> {
        let (destination, answer) = match request.path.as_str() {
            OTLP_PATH => (&self.otlp, http::Answer::otlp()),
            LANGFUSE_PATH if request.is_authorized => (&self.langfuse, http::Answer::langfuse()),
            LANGFUSE_PATH => return Err("no credentials, or wrong ones".into()),
            path => return Err(format!("to the path {path}").into()),
        };
        let bytes = request.body.len() as u64;
        destination.bytes.fetch_add(bytes, Ordering::SeqCst);
        if request.is_packed {
            let mut packed = destination.packed.lock().unwrap_or_else(PoisonError::into_inner);
            packed.push(request.body);
        } else {
            let spans = count::spans(&request.body)?;
            destination.spans.fetch_add(spans, Ordering::SeqCst);
        }
        Ok(answer)
    }

    fn sums(&self) -> Result<[Arrived; 2]> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*fault {
            Some(fault) => Err(fault.clone().into()),
            None => Ok([self.otlp.sum()?, self.langfuse.sum()?]),
        }
    }
}

impl Destination {
    fn sum(&self) -> Result<Arrived> {
        let packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spans = self.spans.load(Ordering::SeqCst);
        for body in &*packed {
            spans += count::packed_spans(body)?;
        }
        Ok(Arrived {
            spans,
            bytes: self.bytes.load(Ordering::SeqCst),
            packed: packed.len() as u64,
        })
    }
}
