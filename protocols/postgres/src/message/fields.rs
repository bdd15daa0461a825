//! The fields of one message, taken from its start to its end.

use bytes::Bytes;

/// Fields that do not fill their message, or do not fit in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fields of the message do not fill it, or do not fit in it")]
pub struct Malformed;

/// What is left of the fields.
pub(super) struct Fields<'a> {
    message: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`, behind its header.
    pub(super) fn new(message: &'a Bytes, header_bytes: usize) -> Self {
        Self { message, rest: message.get(header_bytes..).unwrap_or_default() }
    }

    /// There is nothing more, and has to be.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    pub(super) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// `length` bytes.
    fn bytes(&mut self, length: usize) -> Result<Bytes, Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(self.message.slice_ref(bytes))
    }

    /// Passes over all that is left, and says how many bytes that is.
    pub(super) fn skip_rest(&mut self) -> usize {
        std::mem::take(&mut self.rest).len()
    }

    /// A text that a zero byte ends.
    pub(super) fn string(&mut self) -> Result<Bytes, Malformed> {
        let length = self.rest.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
        let text = self.bytes(length)?;
        self.array::<1>()?;
        Ok(text)
    }

    /// A value behind its length; a length of -1 is NULL.
    pub(super) fn value(&mut self) -> Result<Option<Bytes>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.bytes(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    /// As many as a number of 16 bits says, each of which takes `item_bytes_min` bytes or more.
    pub(super) fn list<T>(
        &mut self,
        item_bytes_min: usize,
        item: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = usize::from(self.u16()?);
        // Nothing is set aside for items that cannot be there.
        if count * item_bytes_min > self.rest.len() {
            return Err(Malformed);
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(item(self)?);
        }
        Ok(list)
    }
}
