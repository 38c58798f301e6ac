use super::*;

#[test]
fn a_panic_while_judging_becomes_a_denial_with_the_uid() {
    let body = br#"{"request":{"uid":"u-1"}}"#;
    let answer = guarded(body, || panic!("a bug")).unwrap();
    let denial = answer.reply.denial.unwrap();
    assert_eq!((&*answer.reply.uid, denial.code), ("u-1", 500));
    assert!(!denial.message.contains("a bug"), "{}", denial.message);
    assert_eq!(guarded(b"garbage", || panic!("a bug")), Err(Refused::NotReview));
}
