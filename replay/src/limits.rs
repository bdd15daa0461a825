//! The limits of what a tape can make a player keep or do. Units stand last in each name.

/// The widest screen that is emulated; a recorded terminal that says it is wider is cut.
pub const SCREEN_COLUMNS_MAX: u32 = 500;

/// The highest screen that is emulated.
pub const SCREEN_ROWS_MAX: u32 = 250;

/// Bytes of output that are fed to a screen before anybody may interrupt.
pub const FEED_SLICE_BYTES: usize = 16 * 1024;

/// Lanes of which an outline or a timeline keeps anything at one time.
pub const LANES_KEPT_MAX: usize = 1024;

/// Operations on files of one lane that a timeline keeps until they are answered; others are told without the answer.
pub const FILE_REQUESTS_KEPT_MAX: usize = 256;

/// Files of one lane whose transfers a timeline sums up until they are closed.
pub const FILE_TRANSFERS_KEPT_MAX: usize = 256;

/// Markers that an outline keeps.
pub const MARKERS_KEPT_MAX: usize = 10_000;

/// Letters of a marker's label, a notice or a reason that are shown on one line.
pub const LABEL_LETTERS_MAX: usize = 200;

/// Letters of one line of a timeline; longer lines are broken.
pub const LINE_LETTERS_MAX: usize = 2000;

/// Keys that the line of typed input remembers.
pub const KEYS_KEPT_MAX: usize = 256;

/// Output between two keyframes, in bytes.
pub const KEYFRAME_DISTANCE_BYTES: u64 = 256 * 1024;

/// Keyframes kept in memory; with more, every second one is forgotten.
pub const KEYFRAMES_KEPT_MAX: usize = 4096;

/// Events in one batch that is read ahead.
pub const BATCH_EVENTS_MAX: usize = 256;

/// Payload after which a batch that is read ahead is full, in bytes.
pub const BATCH_BYTES: usize = 256 * 1024;

/// Batches that are read ahead.
pub const BATCHES_AHEAD_MAX: usize = 4;

/// Lanes of one session whose queries are joined to their answers at one time; the others are told without.
pub const DIALOGUES_KEPT_MAX: usize = 16;

/// Text that the decoded values of one event may take in JSON, in bytes; values behind that are shown in hexadecimal.
pub const JSON_VALUES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names and columns of prepared statements and portals that JSON remembers, in bytes.
pub const JSON_PREPARED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Prepared statements and the parameters of portals that an export keeps until they are run, in bytes.
pub const EXPORT_PREPARED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Rows of one result that a timeline draws, unless another number is asked for.
pub const RESULT_ROWS_SHOWN: usize = 20;

/// Rows of one result that may be asked for.
pub const RESULT_ROWS_MAX: u64 = 1000;

/// Columns of one result that are drawn.
pub const RESULT_COLUMNS_MAX: usize = 2000;

/// Text of the rows that wait to be drawn, in bytes; behind that rows are counted only.
pub const RESULT_BYTES_KEPT_MAX: usize = 1024 * 1024;

/// Letters of a value that a cell of a table shows.
pub const CELL_LETTERS_MAX: usize = 1000;

/// Parameters of a statement that a timeline tells.
pub const PARAMETERS_TOLD_MAX: usize = 50;

/// Lines of a statement that a timeline tells.
pub const STATEMENT_LINES_MAX: usize = 200;

/// The start of a statement that is kept, in bytes, for what is answered to it.
pub const STATEMENT_BYTES_KEPT_MAX: usize = 16 * 1024;

/// Prepared statements and portals that a timeline remembers, in bytes.
pub const PREPARED_BYTES_KEPT_MAX: usize = 16 * 1024 * 1024;

/// Settings that are told of a login.
pub const SETTINGS_TOLD_MAX: usize = 64;

/// Requests of a database session that are kept until they are answered; with more, what is answered is told without
/// what was asked.
pub const QUERY_REQUESTS_KEPT_MAX: usize = 16 * 1024;

/// The largest SVG that is written, in bytes; what would be larger is drawn with fewer frames.
pub const SVG_BYTES_MAX: usize = 150 * 1024;

/// Sessions that the list to choose from shows.
pub const CHOICES_MAX: usize = 500;

/// Content codings of one body that are undone, one inside the other.
pub const CODINGS_MAX: usize = 4;

/// What comes out of a packed body for reading, in bytes; the rest is not read.
pub const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many bytes may come out of one that is packed, behind the first 1 MiB.
pub const UNPACK_RATIO_MAX: usize = 1024;

/// Packed bytes of one stream that are kept so that its reading can be taken up again; a stream is not read further.
pub const UNPACK_HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a body that a timeline shows, unless all is asked for.
pub const BODY_BYTES_SHOWN: usize = 2048;

/// Lines of a body that a timeline shows, unless all is asked for.
pub const BODY_LINES_SHOWN: usize = 20;

/// Bytes of a body that is no text which are shown.
pub const BODY_HEX_BYTES_SHOWN: usize = 24;

/// The start of a packed body that is kept, in bytes, to show what it begins with.
pub const BODY_PACKED_BYTES_KEPT: usize = 64 * 1024;

/// What comes out of a packed stream for reading, in bytes; the rest is not read.
pub const UNPACKED_STREAM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of one event of a stream, or of one message, that are kept where all of it is to be shown.
pub const STREAM_EVENT_BYTES_KEPT: usize = 64 * 1024;

/// Lanes that an outline names.
pub const OUTLINE_LANES_MAX: usize = 65_536;

/// The start of one body, or of the messages of one WebSocket, that a HAR holds, in bytes.
pub const HAR_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bodies of all exchanges that are open at one time, in bytes; what comes on top is not in the HAR.
pub const HAR_BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Exchanges that are open at one time; of more, the oldest stands in the HAR as far as it had come.
pub const HAR_ENTRIES_OPEN_MAX: usize = 4096;

/// Complete entries that wait for older ones, in bytes; behind that, they stand in the order in which they ended.
pub const HAR_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Fields of one head, and pairs of one query or form, that a HAR holds.
pub const HAR_FIELDS_MAX: usize = 2048;

/// Bodies that are kept to be shown in full, of all exchanges that are open at one time, in bytes: each has its share.
pub const BODIES_BYTES_KEPT: usize = 256 * 1024 * 1024;

/// What is put aside of the packs of one session to be read, in bytes.
pub const PACKS_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Objects of one pack that is read.
pub const PACK_OBJECTS_MAX: u32 = 3_000_000;

/// What the objects of one pack unpack to while it is read, each as often as it is unpacked, in bytes.
pub const PACK_UNPACKED_BYTES_MAX: u64 = 32 * 1024 * 1024 * 1024;

/// Parents of the commits of one pack, and targets of its tags, that are remembered.
pub const PACK_COMMITS_NAMED_MAX: usize = 4 * 1024 * 1024;

/// Unpacked objects of a pack that are kept in case they are needed again, in bytes.
pub const PACK_CACHE_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Refs, and objects that were asked for, that an export of a bundle remembers.
pub const BUNDLE_REFS_MAX: usize = 262_144;

/// Conversations whose packs go into one bundle.
pub const BUNDLE_CONVERSATIONS_MAX: usize = 256;

/// Files of one commit that a timeline lists.
pub const STAT_FILES_SHOWN: usize = 1000;

/// Files of one commit that are kept until all of them are known.
pub const COMMIT_FILES_KEPT_MAX: usize = 100_000;

/// Lines of a content that are compared with those of another.
pub const DIFF_LINES_MAX: usize = 500_000;

/// Lines of patches that a timeline shows of one push.
pub const PATCH_LINES_MAX: usize = 200_000;

/// Lines of one message of a commit that a timeline shows.
pub const MESSAGE_LINES_SHOWN: usize = 500;

/// The start of a line of progress that is kept until its end comes, in bytes.
pub const PROGRESS_LINE_BYTES_MAX: usize = 4096;

/// The same, once all objects of the pack have a name.
pub const PACK_CACHE_BYTES_KEPT: usize = 4 * 1024 * 1024;

/// Packs of one session in which a timeline looks for objects; of more, the oldest is forgotten.
pub const PACKS_KEPT_MAX: usize = 64;
