//! A line in a picture (SVG 1.1), and how steep it is.

use std::fmt::Write as _;

/// Size of the picture and of its margins, user units.
const SIZE: (f64, f64) = (800.0, 300.0);
const MARGIN: f64 = 40.0;

/// Points over an axis that begins at zero, with the names of both axes.
pub(super) fn svg(x_name: &str, y_name: &str, points: &[(f64, f64)]) -> String {
    let most = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let (x_most, y_most) = (most(|point| point.0), most(|point| point.1));
    let (width, height) = (SIZE.0 - 2.0 * MARGIN, SIZE.1 - 2.0 * MARGIN);
    let mut line = String::new();
    for (x, y) in points {
        // Writing to memory does not fail.
        let _ =
            write!(line, "{:.1},{:.1} ", MARGIN + x / x_most * width, SIZE.1 - MARGIN - y / y_most * height);
    }
    let (left, bottom) = (MARGIN, SIZE.1 - MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <path d=\"M{left},{MARGIN} V{bottom} H{}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{left}\" y=\"25\">{y_name}: 0 to {y_most:.1}</text>\n\
         <text x=\"{left}\" y=\"{}\">{x_name}: 0 to {x_most:.1}</text>\n\
         <polyline fill=\"none\" stroke=\"steelblue\" points=\"{}\"/>\n</svg>\n",
        SIZE.0,
        SIZE.1,
        SIZE.0 - MARGIN,
        SIZE.1 - 15.0,
        line.trim_end()
    )
}

/// The slope of the line that fits best (least squares); 0 of fewer than two points.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line() {
        let points = [(0.0, 5.0), (1.0, 7.0), (2.0, 9.0), (3.0, 11.0)];
        assert!((slope(&points) - 2.0).abs() < 1e-9);
        assert!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 1.0)]).abs() < 1e-9);
        assert!(slope(&points[..1]).abs() < 1e-9 && slope(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_picture_holds_every_point_within_its_frame() {
        let picture = svg("minutes", "MiB", &[(0.0, 10.0), (5.0, 20.0), (10.0, 20.0)]);
        assert!(picture.contains("points=\"40.0,150.0 400.0,40.0 760.0,40.0\""), "{picture}");
        assert!(picture.contains("MiB: 0 to 20.0") && picture.contains("minutes: 0 to 10.0"));
        assert!(svg("x", "y", &[]).contains("points=\"\""));
    }
}
