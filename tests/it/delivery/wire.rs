//! What a connection may do: not come about, hang, crawl, break.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use super::scene::{Becomes, Faulty, HANG, Program, Side, closed_port, either};
use crate::support::receiver::{Answer, Pace, Receiver, reset};

/// How long those are waited for that do not answer.
const SOON: Duration = Duration::from_millis(400);

const NO_ANSWER: &str = "sending fails and is tried again: no answer from {host} within 400ms";

#[test]
fn down() {
    let line = "sending fails and is tried again: cannot connect to {host}: connection refused";
    let down = || Faulty::nobody(format!("http://127.0.0.1:{}", closed_port()));
    either(down, line, Becomes::SentAgain);
}

#[test]
fn a_name_that_there_is_not() {
    let line = "sending fails and is tried again: cannot connect to {host}: dns error";
    either(
        || Faulty::nobody("http://nowhere.invalid"),
        line,
        Becomes::SentAgain,
    );
}

#[test]
fn hung() {
    let hung = || Faulty::answers(|_| Answer::Hang).waited_for(SOON);
    either(hung, NO_ANSWER, Becomes::SentAgainAmbiguous);
}

/// All that the program and the other destination do is done while the first attempt still hangs.
#[test]
fn while_one_hangs_nobody_waits() {
    for side in [Side::Langfuse, Side::Otlp] {
        let faulty = Faulty::answers(|_| Answer::Hang).waited_for(HANG * 2);
        let server = faulty.server.as_ref().unwrap();
        let mut program = Program::new(side, &faulty);
        program.work();
        server.wait_for_requests(1, HANG);
        program.work();
        program.wait_until(|program| program.account(side.other()).exported() == program.ended);
        let account = program.account(side);
        assert_eq!((account.queued(), account.ambiguous()), (program.ended, 0));
        assert_eq!(server.requests().len(), 1);
        program.llm.shutdown_blocking(Duration::ZERO);
        program.wait_until(|program| program.account(side).dropped_at_shutdown() == program.ended);
        program.assert_other_has_everything();
    }
}

#[test]
fn an_answer_that_crawls() {
    let crawls = || Faulty::answers(|_| Answer::status(200).at(Pace::Slow)).waited_for(SOON);
    either(crawls, NO_ANSWER, Becomes::SentAgainAmbiguous);
}

/// The status has come, so it counts: sent again, the spans would be there twice.
#[test]
fn a_body_that_crawls_behind_a_success() {
    let crawls = || {
        Faulty::answers(|_| Answer::json(200, r#"{"id":"1"}"#).at(Pace::SlowBody))
            .waited_for(Duration::from_secs(1))
    };
    either(crawls, "", Becomes::Taken);
}

#[test]
fn a_reset_in_the_body_behind_a_success() {
    let breaks = || Faulty::answers(|_| Answer::json(200, r#"{"id":"1"}"#).at(Pace::ResetInBody));
    either(breaks, "", Becomes::Taken);
}

#[test]
fn a_reset_instead_of_an_answer() {
    let line = "sending fails and is tried again: no answer from {host}: connection reset";
    either(
        || Faulty::answers(|_| Answer::Reset),
        line,
        Becomes::SentAgainAmbiguous,
    );
}

#[test]
fn a_reset_in_the_middle_of_the_request() {
    let line = "sending fails and is tried again: no answer from {host}: connection reset";
    let breaks = || {
        Faulty::server(Receiver::on_the_wire(|mut stream| {
            stream.read_exact(&mut [0; 500])?;
            reset(stream)
        }))
    };
    either(breaks, line, Becomes::SentAgainAmbiguous);
}

#[test]
fn a_close_instead_of_an_answer() {
    let line =
        "sending fails and is tried again: no answer from {host}: connection closed before message completed";
    either(
        || Faulty::answers(|_| Answer::Close),
        line,
        Becomes::SentAgainAmbiguous,
    );
}

#[test]
fn a_server_that_closes_its_side_only() {
    let line =
        "sending fails and is tried again: no answer from {host}: connection closed before message completed";
    let closes = || Faulty::answers(|_| Answer::HalfClose);
    either(closes, line, Becomes::SentAgainAmbiguous);
}

/// It reads nothing more, and nobody tells the client.
#[test]
fn a_server_that_listens_no_more() {
    let deaf = || {
        let deaf = Receiver::on_the_wire(|stream| {
            stream.shutdown(Shutdown::Read)?;
            // Until the end of the test closes the connection.
            while stream.peer_addr().is_ok() {
                std::thread::park_timeout(SOON);
            }
            Ok(None)
        });
        Faulty::server(deaf).waited_for(SOON)
    };
    either(deaf, NO_ANSWER, Becomes::SentAgainAmbiguous);
}

/// An answer to one request, a half-closed connection for the next: that one goes over a new connection.
#[test]
fn a_connection_that_is_closed_behind_each_answer() {
    let closes = || {
        Faulty::server(Receiver::new(|_| {
            Answer::json(200, "{}").header("content-length", "2")
        }))
    };
    either(closes, "", Becomes::Taken);
}

#[test]
fn what_is_no_http() {
    let line = "sending fails and is tried again: no answer from {host}: invalid HTTP version parsed";
    let other = || {
        Faulty::server(Receiver::on_the_wire(|mut stream| {
            let _ = stream.read(&mut [0; 1 << 16])?;
            stream.write_all(b"-ERR unknown command 'POST'\r\n")?;
            let _ = stream.read(&mut [0; 1 << 16]);
            Ok(None)
        }))
    };
    either(other, line, Becomes::SentAgainAmbiguous);
}

/// A proxy with a limit does not wait for a body that it will not take.
#[test]
fn a_413_before_the_body_is_there() {
    for side in [Side::Langfuse, Side::Otlp] {
        let early = Receiver::on_the_wire(|mut stream| {
            let mut some = [0; 1 << 16];
            let _ = stream.read(&mut some)?;
            stream.write_all(
                b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            )?;
            // As proxies do, lest a reset overtake the answer.
            stream.shutdown(Shutdown::Write)?;
            while stream.read(&mut some)? > 0 {}
            Ok(None)
        });
        let early = Faulty::server(early);
        let mut program = Program::new(side, &early);
        program.work_of(8, &"x".repeat(500_000));
        program.wait_until(|program| program.account(side).queued() == 0);
        let account = program.account(side);
        assert_eq!((account.too_large(), account.ambiguous()), (8, 0));
        program.wait_until(|program| program.account(side.other()).queued() == 0);
        program.assert_other_has_everything();
    }
}
