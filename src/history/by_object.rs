//! Lists of items, one for each object of a repository, or for each commit.

use crate::source::git::ObjectNumber;

/// For each object a list, all of them in one allocation.
#[derive(Debug)]
pub(super) struct ByObject<T> {
    /// Where the list of each object starts, and at last where all end.
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy + Ord + Default> ByObject<T> {
    /// Of `count` objects. `split` tells the object of an entry and what goes into its list, in the order of the entries.
    pub(super) fn new<E>(count: usize, entries: &[&[E]], split: impl Fn(&E) -> (ObjectNumber, T)) -> ByObject<T> {
        let all = || entries.iter().flat_map(|entries| entries.iter());
        let mut starts = vec![0; count + 1];
        all().for_each(|entry| starts[split(entry).0 as usize + 1] += 1);
        for object in 0..count {
            starts[object + 1] += starts[object];
        }
        let mut ends = starts.clone();
        let mut items = vec![T::default(); starts[count]];
        for (object, item) in all().map(split) {
            items[ends[object as usize]] = item;
            ends[object as usize] += 1;
        }
        ByObject { starts, items }
    }

    /// The list of an object; none for one that is not there.
    pub(super) fn get(&self, object: ObjectNumber) -> &[T] {
        let object = object as usize;
        match (self.starts.get(object), self.starts.get(object + 1)) {
            (Some(&start), Some(&end)) => &self.items[start..end],
            _ => &[],
        }
    }

    /// All items with their objects.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ObjectNumber, T)> + '_ {
        let objects = 0..(self.starts.len() - 1) as ObjectNumber;
        objects.flat_map(|object| self.get(object).iter().map(move |item| (object, *item)))
    }

    /// Puts each list in order.
    pub(super) fn sort(&mut self) {
        for object in 1..self.starts.len() {
            self.items[self.starts[object - 1]..self.starts[object]].sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_its_list() {
        let (first, second) = ([(2, 9), (0, 5)], [(2, 3)]);
        let mut lists = ByObject::new(4, &[&first[..], &second[..]], |entry| *entry);
        assert_eq!((lists.get(0), lists.get(1), lists.get(2)), (&[5][..], &[][..], &[9, 3][..]));
        lists.sort();
        assert_eq!(lists.iter().collect::<Vec<_>>(), [(0, 5), (2, 3), (2, 9)]);
        assert_eq!((lists.get(4), lists.get(ObjectNumber::MAX)), (&[][..], &[][..]));
    }
}
