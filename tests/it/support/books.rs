//! What a ledger says, and that it balances.

use tracing_llm::Account;

/// Offered, exported, failed, dropped, queued.
pub(crate) fn balance(account: &Account) -> [u64; 5] {
    let placed = account.exported() + account.failed() + account.dropped() + account.queued();
    assert_eq!(account.offered(), placed, "{account}");
    [
        account.offered(),
        account.exported(),
        account.failed(),
        account.dropped(),
        account.queued(),
    ]
}
