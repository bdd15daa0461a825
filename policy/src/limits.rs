//! The limits of everything that somebody else can make grow. Units stand last in each name.

/// Policies that are in force at once.
pub(crate) const RULES_MAX: usize = 10_000;

/// The text of all policies together.
pub(crate) const SOURCES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How deep brackets in one policy may stand.
pub(crate) const POLICY_DEPTH_MAX: usize = 64;

/// Things that one action is about: tables, refs, paths. An action about more is refused.
pub(crate) const CASES_MAX: usize = 20_000;

/// Text of SQL that is read; what is longer counts as not understood.
pub(crate) const SQL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Its words.
pub(crate) const SQL_TOKENS_MAX: usize = 1024 * 1024;

/// What one statement does, and the tables and functions that it names for that, each.
pub(crate) const NAMES_MAX: usize = 256;

/// Everything that one text does.
pub(crate) const PARTS_MAX: usize = 2000;

/// Statements in one text.
pub(crate) const STATEMENTS_MAX: usize = 1000;

/// Tokens of one statement that is parsed, after runs of literals were folded.
pub(crate) const STATEMENT_TOKENS_MAX: usize = 16 * 1024;

/// Tokens from which on a statement is parsed and walked on a stack of its own.
pub(crate) const STATEMENT_TOKENS_SMALL: usize = 128;

/// That stack, in bytes; what of it is not touched takes no memory.
pub(crate) const STATEMENT_STACK_BYTES: usize = 64 * 1024 * 1024;

/// How deep brackets may stand in a statement.
pub(crate) const STATEMENT_DEPTH_MAX: usize = 48;

/// A command line that is read; what is longer counts as not understood.
pub(crate) const COMMAND_BYTES_MAX: usize = 256 * 1024;

/// How deep commands may stand in commands.
pub(crate) const COMMAND_DEPTH_MAX: usize = 16;

/// Words of a command line, over all of its commands.
pub(crate) const COMMAND_WORDS_MAX: usize = 10_000;

/// Text that a policy is shown; what is longer counts as not understood.
pub(crate) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Decisions that a session remembers.
pub(crate) const DECISIONS_KEPT_MAX: usize = 64;

/// The longest action, in bytes, whose decision is remembered.
pub(crate) const DECISION_KEY_BYTES_MAX: usize = 2048;

/// Sets of policies, and things with what stands above them, that a session keeps ready.
pub(crate) const PREPARED_MAX: usize = 64;
