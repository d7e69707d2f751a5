//! Language runtimes of traced processes: where each keeps the identity of its tasks. Read from files and maps of the
//! process; nothing in the process is touched.

mod python;

pub use python::find as find_python;
