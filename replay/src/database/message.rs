//! Runs of whole messages, taken apart.
//!
//! A message is its letter, its length (which counts itself and what follows), and its content. A run on a tape is made
//! of whole ones; what is not ends the run.

/// The messages of a run: the content of each, without its header.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    letter: u8,
    rest: &'a [u8],
}

/// The messages `letter` of `run`.
#[must_use]
pub fn messages(letter: u8, run: &[u8]) -> Messages<'_> {
    Messages { letter, rest: run }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (head, behind) = self.rest.split_first_chunk::<5>()?;
        let [letter, length @ ..] = *head;
        let content_bytes = usize::try_from(u32::from_be_bytes(length)).ok()?.checked_sub(4)?;
        let (content, rest) = behind.split_at_checked(content_bytes).filter(|_| letter == self.letter)?;
        self.rest = rest;
        Some(content)
    }
}

/// The values of one row (the content of a `DataRow`); `None` is NULL.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    left: u16,
    rest: &'a [u8],
}

/// The values of the row whose message has the content `row`. A row that is cut ends with its last whole value, and
/// [`Values::cut`] has what is there of the next.
#[must_use]
pub fn values(row: &[u8]) -> Values<'_> {
    match row.split_first_chunk::<2>() {
        Some((count, rest)) => Values { left: u16::from_be_bytes(*count), rest },
        None => Values { left: 0, rest: &[] },
    }
}

impl<'a> Values<'a> {
    /// What stands behind the values that were taken.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What is there of a value whose end is not.
    #[must_use]
    pub fn cut(&self) -> Option<&'a [u8]> {
        if self.left == 0 { None } else { self.rest.get(4..) }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        let left = self.left.checked_sub(1)?;
        let (length, behind) = self.rest.split_first_chunk::<4>()?;
        let (value, rest) = match i32::from_be_bytes(*length) {
            -1 => (None, behind),
            length => {
                let (value, rest) = behind.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
        };
        (self.left, self.rest) = (left, rest);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{messages, values};

    #[test]
    fn a_run_is_taken_apart_into_rows_and_values() {
        let run = b"D\0\0\0\x0f\0\x02\0\0\0\x017\xff\xff\xff\xffD\0\0\0\x06\0\0";
        let rows: Vec<Vec<_>> = messages(b'D', run).map(|row| values(row).collect()).collect();
        assert_eq!(rows, [vec![Some(&b"7"[..]), None], vec![]]);
    }

    #[test]
    fn what_is_no_message_ends_the_run() {
        assert_eq!(messages(b'd', b"D\0\0\0\x04").count(), 0);
        assert_eq!(messages(b'd', b"d\0\0\0\x03d\0\0\0\x04").count(), 0);
        assert_eq!(messages(b'd', b"d\0\0\0\x04d\0\0\0\x05").count(), 1);
        assert_eq!(messages(b'd', b"d\xff\xff\xff\xff").count(), 0);
    }

    #[test]
    fn a_cut_row_gives_what_is_there() {
        let mut cut = values(b"\0\x03\0\0\0\x017\0\0\0\x09half");
        assert_eq!(cut.by_ref().collect::<Vec<_>>(), [Some(&b"7"[..])]);
        assert_eq!(cut.cut(), Some(&b"half"[..]));
        assert_eq!(values(b"\0\x01\xff\xff\xff\xfe").count(), 0);
        assert_eq!(values(b"\0").count(), 0);
    }
}
