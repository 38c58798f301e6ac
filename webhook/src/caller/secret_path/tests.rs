use std::path::Path;

use actix_web::test::TestRequest;

use super::*;

fn path(n: u8) -> String {
    SecretPath::of(&[n; 32]).as_str().to_owned()
}

fn mounted(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    dir
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

#[track_caller]
fn answers(paths: &SecretPaths, url: &str, expected: Option<&str>) {
    let request = TestRequest::with_uri(url).to_http_request();
    assert_eq!(paths.route(&request), expected, "{url}");
}

#[test]
fn a89_only_what_is_below_a_known_path_has_a_route() {
    let dir = mounted(&[("path", &path(0xab)), ("previous", &path(2))]);
    let paths = SecretPaths::new(dir.path());
    let (now, before, other) = (path(0xab), path(2), path(3));
    for (url, expected) in [
        (format!("/{now}/mutate"), Some("/mutate")),
        (format!("/{now}/mutate?timeout=5s"), Some("/mutate")),
        (format!("/{before}/slots"), Some("/slots")),
        (format!("/{now}"), Some("")),
        (format!("/{now}/nowhere"), Some("/nowhere")),
        (format!("/{other}/mutate"), None),
        (format!("/{}/mutate", now.to_uppercase()), None),
        (format!("//{now}/mutate"), None),
        (format!("/x/../{now}/mutate"), None),
        (format!("/%61{}/mutate", &now[1..]), None),
        (format!("/{}/mutate", &now[..63]), None),
        (format!("/{}0/mutate", &now[..63]), None),
        (format!("/mutate?{now}"), None),
        ("/mutate".to_owned(), None),
        ("/".to_owned(), None),
    ] {
        answers(&paths, &url, expected);
    }
}

#[test]
fn it_starts_without_files_and_takes_them_when_they_come() {
    let dir = mounted(&[]);
    let paths = SecretPaths::new(dir.path());
    assert_eq!(paths.missing(), Some("there is no path yet"));
    answers(&paths, &format!("/{}/mutate", "0".repeat(64)), None);
    write(dir.path(), &[("path", &format!("{}\n", path(1))), ("previous", "")]);
    assert!(paths.reload());
    assert_eq!(paths.missing(), None);
    answers(&paths, &format!("/{}/mutate", path(1)), Some("/mutate"));
    answers(&paths, "/", None);
    assert!(!paths.reload(), "the same content again is nothing new");
}

#[test]
fn old_and_new_are_answered_during_a_rotation_and_the_old_one_no_longer_after_it() {
    let dir = mounted(&[("path", &path(1)), ("previous", "")]);
    let paths = SecretPaths::new(dir.path());
    let known = |expected: [bool; 3]| {
        for (n, expected) in (1..).zip(expected) {
            answers(&paths, &format!("/{}/validate", path(n)), expected.then_some("/validate"));
        }
    };
    known([true, false, false]);
    write(dir.path(), &[("path", &path(2)), ("previous", &path(1))]);
    assert!(paths.reload());
    known([true, true, false]);
    write(dir.path(), &[("path", &path(3)), ("previous", &path(2))]);
    assert!(paths.reload());
    known([false, true, true]);
}

#[test]
fn what_is_no_path_leaves_the_old_one_and_is_not_logged() {
    let dir = mounted(&[("path", &path(1))]);
    let paths = SecretPaths::new(dir.path());
    for bad in ["", "secret", &path(1)[..63], &path(1).to_uppercase().replace('0', "F")] {
        write(dir.path(), &[("path", bad)]);
        assert!(!paths.reload(), "{bad}");
        answers(&paths, &format!("/{}/mutate", path(1)), Some("/mutate"));
        let complaint = paths.complaint.lock().unwrap().clone().unwrap();
        assert!(complaint.contains("does not hold 64") && (bad.is_empty() || !complaint.contains(bad)), "{complaint}");
    }
    std::fs::remove_file(dir.path().join("path")).unwrap();
    assert!(!paths.reload());
    assert_eq!(paths.missing(), None, "a Secret that is lost turns nobody away");
    assert!(!format!("{paths:?}").contains(&path(1)));
}
