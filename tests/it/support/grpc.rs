//! A server that speaks gRPC and answers each request as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::{Buf as _, Bytes};
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The server; it ends when this is dropped.
pub(crate) struct Grpc {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Exported>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// A request that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) spans: Vec<ResourceSpans>,
}

/// What comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// A status of gRPC; 0 is a success.
    Status(u16),
    /// Nothing, ever.
    Hang,
}

impl Grpc {
    /// A server whose answers depend on how many requests came before.
    pub(crate) fn new(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (kept, answer) = (Arc::clone(&requests), Arc::new(answer));
        let serve = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    // Whoever does not speak HTTP/2 is hung up on.
                    let Ok(mut connection) = h2::server::handshake(socket).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                        tokio::spawn(async move { reply(request, respond, &kept, &*answer).await });
                    }
                });
            }
        };
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            requests,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Exported> {
        self.requests.lock().unwrap().clone()
    }

    /// How many spans came.
    pub(crate) fn spans(&self) -> usize {
        let requests = self.requests();
        let scopes = requests
            .iter()
            .flat_map(|request| &request.spans)
            .flat_map(|of| &of.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum()
    }
}

impl Drop for Grpc {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn reply(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    kept: &Mutex<Vec<Exported>>,
    answer: &(dyn Fn(usize) -> Answer + Send + Sync),
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend_from_slice(&chunk);
    }
    // A message stands behind a byte that says whether it is packed and four of its length.
    let mut message = body.as_slice();
    assert_eq!((message.get_u8(), message.get_u32() as usize), (0, message.len()));
    let exported = Exported {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        spans: ExportTraceServiceRequest::decode(message).unwrap().resource_spans,
    };
    let before = {
        let mut kept = kept.lock().unwrap();
        kept.push(exported);
        kept.len() - 1
    };
    let Answer::Status(status) = answer(before) else {
        return std::future::pending().await;
    };
    // The client may have hung up by now.
    let _ = send(&mut respond, status);
}

fn send(respond: &mut SendResponse<Bytes>, status: u16) -> Result<(), h2::Error> {
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let mut stream = respond.send_response(head, false)?;
    if status == 0 {
        stream.send_data(Bytes::from_static(&[0; 5]), false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    trailers.insert(
        "grpc-message",
        "a server repeats Bearer planted-secret".parse().unwrap(),
    );
    stream.send_trailers(trailers)
}
