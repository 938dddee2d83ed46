//! Answers from a text by quoting it. That is no model: it understands nothing, and it makes nothing up.

use crate::bm25::Index;

/// The sentence of the text that shares most with the question, and a second that does nearly as well, in their order.
pub(crate) fn quote(question: &str, markdown: &str) -> Option<String> {
    let sentences = sentences(markdown);
    let mut best = Index::new(&sentences).rank(question, 2);
    let (_, highest) = *best.first()?;
    best.retain(|(_, score)| *score > 0.7 * highest);
    best.sort_by_key(|(place, _)| *place);
    let quoted: Vec<&str> = best
        .iter()
        .filter_map(|(place, _)| Some(sentences.get(*place)?.as_str()))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}

/// The sentences of a text in markdown. A list's item and a table's row begin one; code and headings are none.
fn sentences(markdown: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for line in markdown.lines().map(str::trim) {
        let fence = line.starts_with("```");
        fenced ^= fence;
        let ruler = line.chars().all(|char| "|-: ".contains(char));
        if ruler && line.starts_with('|') {
            // The row above was the table's head.
            blocks.pop();
        } else if fence || fenced || ruler || line.starts_with(['#', '[']) {
            open = false;
        } else if line.starts_with('|') {
            let cells = line.trim_matches('|').split(" | ").map(str::trim);
            blocks.push(cells.collect::<Vec<_>>().join(": "));
            open = false;
        } else if let Some(item) = item(line) {
            blocks.push(item.to_owned());
            open = true;
        } else if let Some(block) = blocks.last_mut().filter(|_| open) {
            block.push(' ');
            block.push_str(line);
        } else {
            blocks.push(line.to_owned());
            open = true;
        }
    }
    blocks.iter().flat_map(|block| split(block)).collect()
}

/// The text of a list's item.
fn item(line: &str) -> Option<&str> {
    let numbered = line.trim_start_matches(|char: char| char.is_ascii_digit());
    let rest = if numbered.len() < line.len() {
        numbered.strip_prefix(". ")
    } else {
        None
    };
    rest.or_else(|| line.strip_prefix("- "))
        .or_else(|| line.strip_prefix("* "))
}

/// Cuts after a full stop that something new follows.
fn split(block: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut from = 0;
    for (end, _) in block.match_indices([' ']) {
        let stopped = block[..end].ends_with(['.', '!', '?']);
        let begins = block[end..]
            .trim_start()
            .starts_with(|char: char| char.is_uppercase() || "`*\"".contains(char));
        if stopped && begins {
            sentences.push(block[from..end].trim().to_owned());
            from = end;
        }
    }
    sentences.push(block[from..].trim().to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_sentences_are_quoted_in_their_order() {
        let text = "[handbook.md › Archive]\n\
            The cellar is dry. Invoices are kept\nfor seven years, e.g. in boxes. Nobody counts them.\n\n\
            ```sh\nls invoices\n```\n- Years of invoices stand in row 7.\n- Cups do not.";
        assert_eq!(
            quote("Which row has the invoices of seven years?", text).unwrap(),
            "Invoices are kept for seven years, e.g. in boxes. Years of invoices stand in row 7."
        );
        assert_eq!(quote("zebra", text), None);
        assert_eq!(quote("invoices", ""), None);
    }

    #[test]
    fn a_row_of_a_table_is_a_sentence() {
        let table = "| you write | it becomes |\n| --- | --- |\n| `ret` | the output |";
        assert_eq!(sentences(table), ["`ret`: the output"]);
    }
}
