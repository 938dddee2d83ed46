//! Okapi BM25 over short texts.

use std::collections::HashMap;

/// How soon a word that comes again stops adding to the score.
const K1: f64 = 1.2;

/// How much a text that is longer than the others loses.
const B: f64 = 0.75;

/// Texts, by the words in them.
#[derive(Default)]
pub(crate) struct Index {
    /// For each word the texts that have it, and how often.
    postings: HashMap<String, Vec<(usize, f64)>>,
    /// Words in each text.
    lengths: Vec<f64>,
}

impl Index {
    /// Reads the texts; a rank speaks of them by their place.
    pub(crate) fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut index = Self::default();
        for (place, text) in texts.into_iter().enumerate() {
            let mut counts: HashMap<String, f64> = HashMap::new();
            for word in words(text.as_ref()) {
                *counts.entry(word).or_default() += 1.0;
            }
            index.lengths.push(counts.values().sum());
            for (word, count) in counts {
                index.postings.entry(word).or_default().push((place, count));
            }
        }
        index
    }

    /// The texts that share a word with the query, best first, each with its score.
    pub(crate) fn rank(&self, query: &str, top_k: usize) -> Vec<(usize, f64)> {
        let texts = self.lengths.len() as f64;
        let average = self.lengths.iter().sum::<f64>() / texts.max(1.0);
        let mut scores: HashMap<usize, f64> = HashMap::new();
        for postings in words(query).filter_map(|word| self.postings.get(&word)) {
            let having = postings.len() as f64;
            let rarity = (1.0 + (texts - having + 0.5) / (having + 0.5)).ln();
            for (place, count) in postings {
                let length = self.lengths.get(*place).copied().unwrap_or_default() / average;
                let weight = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                *scores.entry(*place).or_default() += rarity * weight;
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().collect();
        ranked.sort_by(|(a, one), (b, other)| other.total_cmp(one).then(a.cmp(b)));
        ranked.truncate(top_k);
        ranked
    }
}

/// The words of a text that say something, without their endings: `captured` and `captures` are one word.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !SILENT.contains(&word.as_str()))
        .map(|word| stem(&word))
}

/// Takes common endings off, as long as four letters stay.
fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    for endings in [
        &[("ies", "y"), ("ied", "y"), ("ss", "ss"), ("s", "")][..],
        &[("ing", ""), ("ed", "")],
        &[("e", "")],
    ] {
        let cut = endings
            .iter()
            .find_map(|(ending, instead)| Some((stem.strip_suffix(ending)?, instead)));
        if let Some((rest, instead)) = cut.filter(|(rest, instead)| rest.chars().count() + instead.len() >= 4)
        {
            stem = format!("{rest}{instead}");
        }
    }
    stem
}

/// Words that every text has, and those that only ask.
const SILENT: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "do", "does", "for", "from",
    "had", "has", "happen", "happens", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my",
    "of", "on", "or", "so", "than", "that", "the", "their", "then", "there", "they", "this", "to", "was",
    "we", "what", "when", "where", "which", "who", "why", "with", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn places(texts: &[&str], query: &str) -> Vec<usize> {
        let ranked = Index::new(texts).rank(query, 10);
        ranked.into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn words_lose_their_endings_and_say_something() {
        let read = |text| words(text).collect::<Vec<_>>().join(" ");
        assert_eq!(read("What captures the spans?"), "captur span");
        assert_eq!(read("captured, capturing: capture"), "captur captur captur");
        assert_eq!(read("`user_id`, gen_ai.usage; Größe"), "user id gen ai usag größ");
        assert_eq!(
            read("class uses string; retries, retried, retry"),
            "class uses string retry retry retry"
        );
    }

    #[test]
    fn a_rare_word_outweighs_a_common_one_and_a_short_text_a_long_one() {
        let texts = [
            "the queue is full",
            "the queue is bounded",
            "the queue of the lane and its worker is long and bounded",
        ];
        assert_eq!(places(&texts, "bounded queue"), [1, 2, 0]);
        assert_eq!(places(&texts, "full queue"), [0, 1, 2]);
        assert_eq!(places(&texts, "nothing of the sort"), [0; 0]);
        assert_eq!(places(&[], "queue"), [0; 0]);
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        // Two texts of two words; "queue" is in one of them, once: ln(1 + 1.5 / 1.5) * 2.2 / (1 + 1.2).
        let ranked = Index::new(["queue full", "lane open"]).rank("queue", 1);
        assert_eq!(ranked.len(), 1);
        assert!((ranked[0].1 - 2.0_f64.ln()).abs() < 1e-12, "{ranked:?}");
    }
}
