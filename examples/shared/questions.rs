//! What an example is asked.

/// The questions on the command line, or the example's own.
pub(crate) fn questions() -> Vec<String> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if asked.is_empty() {
        crate::QUESTIONS.map(str::to_owned).to_vec()
    } else {
        asked
    }
}
