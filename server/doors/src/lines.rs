//! Line-oriented bodies.

/// The non-empty lines of a body, trimmed.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = 0;
    // `split` would scan byte by byte.
    let lines = memchr::memchr_iter(b'\n', body).chain([body.len()]).map(move |end| {
        let line = &body[begin..end];
        begin = end + 1;
        line.trim_ascii()
    });
    lines.filter(|line| !line.is_empty())
}
