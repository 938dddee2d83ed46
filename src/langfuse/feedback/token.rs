//! The token that allows to rate one trace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac_sha256::HMAC;

use super::reply::Fault;
use crate::id::TraceId;

/// A secret of the service. It is never shown.
#[derive(Clone)]
pub(super) struct SigningKey(Vec<u8>);

impl SigningKey {
    pub(super) fn new(key: Vec<u8>) -> Self {
        Self(key)
    }

    /// What allows to rate this trace: the second at which it was made, and the proof that it was made here.
    pub(super) fn token(&self, trace: TraceId, now: SystemTime) -> String {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        format!("{seconds:x}.{}", self.proof(trace, seconds))
    }

    /// When the token was made, if it is of this trace.
    pub(super) fn check(&self, trace: TraceId, token: Option<&str>) -> Result<SystemTime, Fault> {
        let token = token.ok_or(Fault::TokenMissing)?;
        let (seconds, proof) = token.split_once('.').ok_or(Fault::TokenWrong)?;
        let seconds = u64::from_str_radix(seconds, 16).map_err(|_| Fault::TokenWrong)?;
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let is_ours = is_same(self.proof(trace, seconds).as_bytes(), proof.as_bytes());
        time.filter(|_| is_ours).ok_or(Fault::TokenWrong)
    }

    fn proof(&self, trace: TraceId, seconds: u64) -> String {
        let mac = HMAC::mac(format!("feedback {trace} {seconds:x}"), &self.0);
        mac.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// In a time that does not tell where they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_trace_one_time_and_one_key() {
        let key = SigningKey::new(b"secret".to_vec());
        let (trace, other) = (TraceId::from_seed("a"), TraceId::from_seed("b"));
        let time = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let token = key.token(trace, time);
        assert_eq!(key.check(trace, Some(&token)), Ok(time));
        let later = token.replace("6955b900", "6955b901");
        assert_ne!(later, token);
        let cut = &token[..token.len() - 1];
        for wrong in [
            &later,
            cut,
            &format!("{token}0"),
            "",
            ".",
            "6955b900.",
            "+6955b900",
            &token.to_uppercase(),
        ] {
            assert_eq!(key.check(trace, Some(wrong)), Err(Fault::TokenWrong), "{wrong}");
        }
        assert_eq!(key.check(other, Some(&token)), Err(Fault::TokenWrong));
        assert_eq!(
            SigningKey::new(b"another".to_vec()).check(trace, Some(&token)),
            Err(Fault::TokenWrong)
        );
        assert_eq!(key.check(trace, None), Err(Fault::TokenMissing));
    }
}
