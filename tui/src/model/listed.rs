//! A list that the server pages and that changes under the reader: its cursor stays on what it is on, by id.

/// What stands in such a list.
pub trait Identified {
    /// Tells one from another.
    type Id: Copy + PartialEq + std::fmt::Debug;

    /// Which one it is.
    fn id(&self) -> Self::Id;
}

/// The list, what is on the screen of it, and how its reading stands.
#[derive(Debug)]
pub struct Listed<T: Identified> {
    items: Vec<T>,
    /// It was read at least once.
    pub complete: bool,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<T::Id>,
    /// What was under the cursor in the last frame.
    pub drawn: Option<T::Id>,
    top: usize,
    height: usize,
}

impl<T: Identified> Default for Listed<T> {
    fn default() -> Self {
        Listed {
            items: Vec::new(),
            complete: false,
            reading: false,
            again: false,
            error: None,
            cursor: None,
            drawn: None,
            top: 0,
            height: 0,
        }
    }
}

impl<T: Identified> Listed<T> {
    /// All of it.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// What is on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &T> {
        self.items.iter().skip(self.top).take(self.height.max(1))
    }

    /// The one of that id, where it was read.
    pub fn get(&self, id: T::Id) -> Option<&T> {
        self.items.iter().find(|item| item.id() == id)
    }

    /// The id under the cursor.
    pub fn cursor(&self) -> Option<T::Id> {
        self.cursor
    }

    /// The cursor's place.
    pub fn position(&self) -> usize {
        let at = self.items.iter().position(|item| Some(item.id()) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(Identified::id);
        self.follow();
    }

    /// Rows that fit on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.follow();
    }

    /// What was read. The cursor stays on its item; where that is gone, on its place.
    pub fn put(&mut self, items: Vec<T>) {
        let place = self.position();
        self.items = items;
        self.complete = true;
        if self.cursor.is_none_or(|id| self.get(id).is_none()) {
            self.go(place);
        }
        self.follow();
    }

    /// One as a reply shows it; a new one comes first.
    pub fn put_one(&mut self, item: T) {
        match self.items.iter_mut().find(|other| other.id() == item.id()) {
            Some(other) => *other = item,
            None => self.items.insert(0, item),
        }
        if self.cursor.is_none() {
            self.go(0);
        }
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }

    /// A frame was drawn, with the list in it or without.
    pub fn was_drawn(&mut self, here: bool) {
        self.drawn = self.cursor.filter(|_| here);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.reading = false;
        self.again = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Identified for u32 {
        type Id = u32;

        fn id(&self) -> u32 {
            *self
        }
    }

    #[test]
    fn the_cursor_stays_on_what_it_is_on() {
        let mut list = Listed::default();
        list.set_height(2);
        list.put(vec![9, 7, 5, 3]);
        assert_eq!(list.cursor(), Some(9));
        list.go(2);
        assert_eq!(list.visible().copied().collect::<Vec<_>>(), [7, 5]);
        // Newer ones push it down, and it stays in sight.
        list.put(vec![13, 11, 9, 7, 5, 3]);
        assert_eq!((list.cursor(), list.position()), (Some(5), 4));
        assert!(list.visible().any(|item| *item == 5));
        list.put(vec![13, 11, 9, 7]);
        assert_eq!(list.cursor(), Some(7), "its place, or the last one");
        list.put_one(15);
        assert_eq!((list.items()[0], list.cursor()), (15, Some(7)));
        list.put(Vec::new());
        assert_eq!(list.cursor(), None);
    }
}
