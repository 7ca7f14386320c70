//! One thing for each rule, of which a text touches a few.

use std::ops::{Index, IndexMut};

/// A `T` for each rule. Those that were never changed take no room, so that there may be many of these.
#[derive(Debug)]
pub(super) struct Touched<T> {
    /// The place of each rule's among `items`, as far as any was changed; 0 of those that were not.
    places: Vec<u32>,
    /// The first is what all others start as.
    items: Vec<T>,
    /// The rules of the others.
    rules: Vec<usize>,
}

impl<T: Default> Default for Touched<T> {
    fn default() -> Touched<T> {
        Touched { places: Vec::new(), items: vec![T::default()], rules: Vec::new() }
    }
}

impl<T> Touched<T> {
    /// Makes all what they were at the start.
    pub(super) fn clear(&mut self) {
        self.rules.drain(..).for_each(|rule| self.places[rule] = 0);
        self.items.truncate(1);
    }

    /// Changes all that were changed before.
    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut T)) {
        self.items[1..].iter_mut().for_each(change);
    }
}

impl<T> Index<usize> for Touched<T> {
    type Output = T;

    fn index(&self, rule: usize) -> &T {
        &self.items[self.places.get(rule).map_or(0, |place| *place as usize)]
    }
}

impl<T: Default> IndexMut<usize> for Touched<T> {
    fn index_mut(&mut self, rule: usize) -> &mut T {
        if self.places.len() <= rule {
            // To a multiple, so that rules that come in order do not each make it grow.
            self.places.resize((rule + 1).next_multiple_of(1024), 0);
        }
        let place = &mut self.places[rule];
        if *place == 0 {
            *place = u32::try_from(self.items.len()).expect("there are not so many rules");
            self.items.push(T::default());
            self.rules.push(rule);
        }
        &mut self.items[*place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_own() {
        let mut touched = Touched::<u64>::default();
        for _ in 0..2 {
            assert_eq!((touched[0], touched[7], touched[5000]), (0, 0, 0));
            touched[5000] += 1;
            touched[7] += 2;
            touched[5000] += 3;
            assert_eq!((touched[0], touched[7], touched[5000], touched[5001]), (0, 2, 4, 0));
            touched.clear();
        }
        assert_eq!(touched.items.len(), 1);
    }
}
