//! Which blocks are merged: small neighbours, so that a quiet server does not end up with a file for every few minutes.

use std::sync::Arc;

use super::block::Block;

/// Blocks that are merged in one go, at least.
const TOGETHER: usize = 4;

/// A merged block is at least so many times as large as the largest of its parts: so often a span is rewritten is the logarithm
/// to this base of the size of a whole block, at most.
const GROWTH: usize = 3;

/// Neighbours that are small and worth it, or none.
pub(super) fn choose(blocks: &[Arc<Block>], whole: usize) -> Option<Vec<Arc<Block>>> {
    // Those of the cold tier are left where they are.
    let rows = |block: &Arc<Block>| if block.object().is_some() { whole } else { block.rows };
    let rows: Vec<usize> = blocks.iter().map(rows).collect();
    let (from, to) = neighbours(&rows, whole)?;
    Some(blocks[from..to].to_vec())
}

/// The longest run from the first block that a worthwhile one begins with. It is no larger than two whole blocks.
fn neighbours(rows: &[usize], whole: usize) -> Option<(usize, usize)> {
    for from in 0..rows.len() {
        let (mut sum, mut largest, mut best) = (0, 0, None);
        for (at, &rows) in rows.iter().enumerate().skip(from) {
            sum += rows;
            largest = largest.max(rows);
            if rows >= whole / 2 || sum > whole * 2 {
                break;
            }
            if at + 1 - from >= TOGETHER && sum >= largest * GROWTH {
                best = Some((from, at + 1));
            }
        }
        if best.is_some() {
            return best;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::neighbours;

    #[test]
    fn small_neighbours_are_merged() {
        assert_eq!(neighbours(&[100, 10, 11, 12], 1000), None);
        assert_eq!(neighbours(&[100, 10, 11, 12, 13], 1000), Some((1, 5)));
        assert_eq!(neighbours(&[900, 100, 90, 80, 70], 1000), Some((1, 5)));
        assert_eq!(neighbours(&[500, 500, 500, 500, 500], 1000), None);
        // The result may not be larger than two blocks.
        assert_eq!(neighbours(&[499; 8], 1000), Some((0, 4)));
    }

    #[test]
    fn merging_ends_and_rewrites_little() {
        let mut rows = Vec::new();
        let mut rewritten = 0;
        for size in [10; 2000] {
            rows.push(size);
            while let Some((from, to)) = neighbours(&rows, 1000) {
                let sum: usize = rows.drain(from..to).sum();
                rewritten += sum;
                rows.insert(from, sum);
            }
        }
        assert_eq!(rows.iter().sum::<usize>(), 20_000);
        assert!(rows.len() < 50, "{rows:?}");
        assert!(rewritten <= 5 * 20_000, "{rewritten}");
    }
}
