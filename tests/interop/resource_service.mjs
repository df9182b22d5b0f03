// A service that only verifies: it has the secret of the access tokens and asks its own people who somebody is.
import { currentUser, serve, verifyJWT } from "./tutorial.mjs";

serve((users) => users.get("/current-user", verifyJWT, currentUser));
