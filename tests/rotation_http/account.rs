use serde_json::json;

use super::common::{ACCESS, People, World, payload, post};
use super::{refresh, renew};

#[tokio::test]
async fn a_role_that_changed_is_in_the_next_access_token() {
    let world = World::new();
    let mut jar = world.login("alice").await;
    for scope in [Some("admin"), Some("read"), None] {
        world.people(|people| people.scope = scope);
        renew(&world, &mut jar).await;
        assert_eq!(payload(jar.get(ACCESS)).get("scope").cloned(), scope.map(Into::into));
        assert!(world.takes(jar.get(ACCESS)).await);
    }
}

#[tokio::test]
async fn an_account_that_is_disabled_or_deleted_ends_its_sessions_at_the_next_refresh() {
    type Change = fn(&mut People);
    let disabled: [Change; 2] = [|people| people.disabled = true, |people| people.disabled = false];
    let deleted: [Change; 2] = [|people| people.deleted.push("alice".into()), |people| people.deleted.clear()];
    for (what, [gone, back]) in [("disabled", disabled), ("deleted", deleted)] {
        for path in ["/auth/refresh", "/auth/rotate"] {
            let world = World::new();
            let (mut jar, bob) = (world.login("alice").await, world.login("bob").await);
            renew(&world, &mut jar).await;
            world.people(gone);
            let answer = world.send(post(path).jar(&jar)).await;
            assert_eq!(answer.said(), (401, "session_ended".into()), "{what} {path}");
            assert!(answer.clears());
            assert!(!world.takes(jar.get(ACCESS)).await, "at once");
            let login = world.send(post("/auth/login").json(json!({"username": "alice", "password": "right"}))).await;
            assert_eq!(login.said(), (401, "invalid_credentials".into()), "{what}");

            // Whoever is back logs in again: what was ended stays so.
            world.people(back);
            assert!(refresh(&world, &jar).await.clears());
            world.login("alice").await;
            assert!(world.lives("bob", bob.session()).await, "another account's session");
        }
    }
}

#[tokio::test]
async fn a_refresh_of_an_account_that_is_gone_takes_no_cookies_from_the_login_that_came_before_it() {
    let world = World::new();
    let jar = world.login("alice").await;
    let login = post("/auth/login").json(json!({"username": "bob", "password": "right"}));
    assert_eq!(world.send(login.jar(&jar)).await.status, 200);
    world.people(|people| people.disabled = true);
    // Sent before that login's answer was there.
    let answer = refresh(&world, &jar).await;
    assert_eq!((answer.said(), answer.cookies().len()), ((401, "session_ended".into()), 0));
}
