//! Lists of items, one after another in one allocation: some thousand lists of one item each, most of them.

/// Lists, by number.
#[derive(Debug)]
pub(super) struct Lists<T> {
    items: Vec<T>,
    /// Where each list ends, which is where the next one starts.
    ends: Vec<u32>,
}

impl<T> Lists<T> {
    pub(super) fn new() -> Lists<T> {
        Lists { items: Vec::new(), ends: Vec::new() }
    }

    /// Adds a list.
    pub(super) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.ends.push(u32::try_from(self.items.len()).expect("there are not so many rules"));
    }

    /// The list with this number.
    #[inline]
    pub(super) fn get(&self, number: usize) -> &[T] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.items[start as usize..self.ends[number] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_got_by_number() {
        let mut lists = Lists::new();
        [vec![1, 2], vec![], vec![3]].into_iter().for_each(|list| lists.push(list));
        assert_eq!([lists.get(0), lists.get(1), lists.get(2)], [&[1, 2][..], &[], &[3]]);
    }
}
