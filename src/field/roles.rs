//! A set of roles: one look says that a span has nothing of a kind.

use super::Role;

/// Some of the roles, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Roles(u64);

impl Roles {
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// What counts tokens or money.
    pub(crate) const USAGE: Self =
        Self::of(&[Role::Usage, Role::UsageDetails, Role::Cost, Role::CostDetails]);

    /// What concerns the trace, and so is handed down to every observation below.
    pub(crate) const TRACE: Self = Self::of(&[
        Role::User,
        Role::Session,
        Role::TraceName,
        Role::Tags,
        Role::Environment,
        Role::Release,
        Role::Version,
        Role::Public,
        Role::TraceMetadata,
        Role::TraceMetadataObject,
    ]);

    /// The halves of a link to a prompt's version.
    pub(crate) const PROMPT_LINK: Self = Self::of(&[Role::PromptName, Role::PromptVersion]);

    /// What holds for the observations below, too.
    pub(crate) const HANDED_DOWN: Self = Self(Self::TRACE.0 | Self::PROMPT_LINK.0);

    pub(crate) const fn of(roles: &[Role]) -> Self {
        let (mut set, mut rest) = (0, roles);
        while let [role, others @ ..] = rest {
            set |= bit(*role);
            rest = others;
        }
        Self(set)
    }

    pub(crate) const fn with(self, role: Role) -> Self {
        Self(self.0 | bit(role))
    }

    pub(crate) const fn contain(self, role: Role) -> bool {
        self.0 & bit(role) != 0
    }

    /// Whether some role is in both.
    pub(crate) const fn meet(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) fn insert(&mut self, role: Role) {
        self.0 |= bit(role);
    }
}

/// There are fewer than 64 roles: an overflow would not compile where a set is a constant.
const fn bit(role: Role) -> u64 {
    1 << role as u8
}
