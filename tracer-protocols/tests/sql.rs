//! What spans show of statements.

use tracer_protocols::sql::{Dialect, show};

#[track_caller]
fn check(statement: &str, text: &str, summary: &str) {
    let shown = show(statement, Dialect::Postgres);
    assert_eq!((&*shown.text, &*shown.summary), (text, summary));
}

#[test]
fn literals_are_left_out() {
    check(
        "SELECT * FROM goods WHERE name = 'it''s' AND id=42",
        "SELECT * FROM goods WHERE name = ? AND id=?",
        "SELECT goods",
    );
    check(r"SELECT E'a\'b', -1.5e-3, 0xff, B'101', $1", "SELECT ?, -?, ?, ?, $1", "SELECT");
    check("SELECT $$it's$$, $tag$a $$ b$tag$ FROM t1", "SELECT ?, ? FROM t1", "SELECT t1");
    check("SELECT 'cut in the mid", "SELECT ?", "SELECT");
}

#[test]
fn lists_and_comments_are_short() {
    check("SELECT a FROM b WHERE c IN (1, 2,3 , 'x')", "SELECT a FROM b WHERE c IN (?)", "SELECT b");
    check("/* user 7 */ SELECT 1 -- why\n FROM a", "SELECT ? FROM a", "SELECT a");
    check(
        "INSERT INTO a.b (c, d) VALUES (1, 'x'), (2, 'y')",
        "INSERT INTO a.b (c, d) VALUES (?), (?)",
        "INSERT a.b",
    );
}

#[test]
fn summaries_name_operations_and_targets() {
    check(
        "select * from a, \"b c\" join d on a.x = d.x",
        "select * from a, \"b c\" join d on a.x = d.x",
        "SELECT a \"b c\" d",
    );
    check(
        "UPDATE goods SET name = 'x' WHERE id = 1",
        "UPDATE goods SET name = ? WHERE id = ?",
        "UPDATE goods",
    );
    check("DELETE FROM ONLY goods", "DELETE FROM ONLY goods", "DELETE goods");
    check("INSERT INTO a SELECT x FROM b", "INSERT INTO a SELECT x FROM b", "INSERT a SELECT b");
    check("CREATE TABLE IF NOT EXISTS a (b int)", "CREATE TABLE IF NOT EXISTS a (b int)", "CREATE a");
    check("SELECT a FROM b FOR UPDATE", "SELECT a FROM b FOR UPDATE", "SELECT b");
    check("BEGIN", "BEGIN", "BEGIN");
    check(" ;", ";", "");
}

#[test]
fn dialects_differ_in_quotes() {
    let shown = show(r#"SELECT "a\"b", 'c\'d' FROM `e` # why"#, Dialect::Mysql);
    assert_eq!((&*shown.text, &*shown.summary), ("SELECT ?, ? FROM `e`", "SELECT `e`"));
}

#[test]
fn length_is_bounded() {
    let shown = show(&format!("SELECT {} FROM a", "column, ".repeat(1000)), Dialect::Postgres);
    assert!(shown.text.len() < 1100 && shown.text.ends_with("..."));
    assert!(show(&"UPDATE a; ".repeat(500), Dialect::Postgres).summary.len() <= 255);
}

#[test]
fn uuids_and_comments_of_cassandra() {
    let shown = show(
        "SELECT a FROM b WHERE id = e8b1cd58-7e30-4b8a-8c56-b38e5a0a2c0f AND c = 12345678-7e30-4b8a-8c56-b38e5a0a2c0f // why",
        Dialect::Cassandra,
    );
    assert_eq!((&*shown.text, &*shown.summary), ("SELECT a FROM b WHERE id = ? AND c = ?", "SELECT b"));
}
