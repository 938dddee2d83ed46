//! What is asked of a span's values while it is decided what its fields mean: few things, each with yes or no for an
//! answer. Where all answers are those of an earlier span with the same fields, so is what was decided.

use smallvec::SmallVec;

use crate::field::Role;
use crate::model::{Kind, Recorded};
use crate::read::{content, prompt, text, usage};

/// The questions, and their answers, in the order in which they were asked.
#[derive(Default, Debug)]
pub(super) struct Asked {
    questions: SmallVec<[(Question, bool); 8]>,
    is_beyond: bool,
}

/// A question about the values of entries, by their indices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// Whether the word for a type, or for what implies one, is one that is known.
    Word(usize),
    /// Whether both say the same, whatever it was found to be.
    Says(usize, usize),
    /// Whether both are the same value.
    Is(usize, usize),
    /// Whether it is short enough to be metadata beside an argument.
    Short(usize),
    /// Whether somebody who is trusted more counts the same.
    IsCounted(usize),
    /// Whether a name and a version are a link to a prompt.
    Links(Option<usize>, Option<usize>),
}

impl Asked {
    /// The answer, which is noted.
    pub(super) fn ask(&mut self, recorded: &Recorded, question: Question) -> bool {
        let answer = question.answer(recorded);
        self.questions.push((question, answer));
        answer
    }

    /// Values decide that no question is asked about: what is decided holds for this span only.
    pub(super) fn go_beyond(&mut self) {
        self.is_beyond = true;
    }

    /// Whether the answers are all that was asked of the values.
    pub(super) fn is_all(&self) -> bool {
        !self.is_beyond
    }

    /// Whether another span with the same fields answers the same.
    pub(super) fn is_answered_by(&self, recorded: &Recorded) -> bool {
        let mut questions = self.questions.iter();
        questions.all(|(question, answer)| question.answer(recorded) == *answer)
    }
}

impl Question {
    fn answer(self, recorded: &Recorded) -> bool {
        let value = |index| recorded.fields.value_at(index);
        match self {
            Self::Word(index) => is_known(recorded, index).unwrap_or_default(),
            Self::Says(one, other) => value(one)
                .zip(value(other))
                .is_some_and(|(one, other)| one.says(other)),
            Self::Is(one, other) => value(one) == value(other),
            Self::Short(index) => content::is_short(recorded, index),
            Self::IsCounted(index) => usage::is_counted(recorded, index),
            Self::Links(name, version) => prompt::link(recorded, name, version).is_some(),
        }
    }
}

fn is_known(recorded: &Recorded, index: usize) -> Option<bool> {
    let entry = recorded.fields.entries().get(index)?;
    let word = text(recorded.fields.value(entry))?;
    let kind = match entry.head.role {
        Role::Type => Kind::from_word(&word),
        Role::ForeignType => Kind::from_foreign(&word),
        _ => Kind::from_operation(&word),
    };
    Some(kind.is_some())
}
