import assert from "node:assert/strict";
import { test } from "node:test";
import { describeInvite, withInvite } from "../../static/js/invite.js";

const open = { locked: false, has_passcode: false, knock: false };

test("the invitation says what the letters ask for and the link does not", () => {
  assert.match(describeInvite(open), /send the link/);
  assert.match(describeInvite({ ...open, has_passcode: true }), /passcode/);
  assert.match(describeInvite({ ...open, knock: true }), /knock/);
  assert.match(describeInvite({ ...open, knock: true, has_passcode: true }), /passcode, and knock/);
  assert.match(describeInvite({ locked: true, has_passcode: true, knock: true }), /locked/);
});

test("a renewed invite takes the place of the old one in the link", () => {
  const old = "http://10.0.0.2:5000/r/BCDF?invite=old";

  assert.equal(withInvite(old, "n_e-w"), "http://10.0.0.2:5000/r/BCDF?invite=n_e-w");
});
