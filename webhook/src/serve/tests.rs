use super::*;

#[test]
fn a_panic_while_judging_becomes_a_denial_with_the_uid() {
    let refused = guarded(|| Some("u-1".to_owned()), || panic!("a bug")).unwrap_err();
    let answer = denied(refused).unwrap();
    let denial = answer.reply.denial.unwrap();
    assert_eq!((&*answer.reply.uid, denial.code, answer.note.reason), ("u-1", 500, "panic"));
    assert!(!denial.message.contains("a bug"), "{}", denial.message);
}

#[test]
fn what_is_refused_is_denied_in_the_form_of_a_review_wherever_its_uid_is_known() {
    for (why, code, reason) in [
        (Why::Busy, 503, "ServiceUnavailable"),
        (Why::TooSlow, 408, "Timeout"),
        (Why::TooLarge, 413, "RequestEntityTooLarge"),
        (Why::Unreadable("x".to_owned()), 400, "BadRequest"),
    ] {
        let answer = denied(Refused { why: why.clone(), uid: Some("u-1".to_owned()) }).unwrap();
        let review: serde_json::Value = serde_json::from_slice(&answer.reply.to_json()).unwrap();
        let response = &review["response"];
        assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &false.into()), "{why:?}");
        assert_eq!(
            (&response["status"]["code"], &response["status"]["reason"]),
            (&code.into(), &reason.into()),
            "{why:?}"
        );
        assert_eq!(denied(Refused { why: why.clone(), uid: None }), Err(why), "there is nothing to answer");
    }
}

#[test]
fn api_servers_are_sent_away_by_who_leaves_and_by_who_will_soon_have_to_deny() {
    let begun = Instant::now();
    let slot_cache = SlotCache::new(begun);
    let after = |seconds| begun + Duration::from_secs(seconds);
    assert!(!sends_away(false, &slot_cache, after(49)));
    assert!(sends_away(true, &slot_cache, after(1)));
    assert!(sends_away(false, &slot_cache, after(50)), "ten seconds before it denies");
    slot_cache.hear(after(45));
    assert!(!sends_away(false, &slot_cache, after(60)), "it was heard of since");
}
