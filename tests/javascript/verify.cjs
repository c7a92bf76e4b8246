// What a verifier makes of webhooks: `node verify.cjs package`, or `node verify.cjs FILE` for a
// file that exports `verify(secret, headers, body)`. A JSON list of cases comes in, their bodies in
// base64; a list of true and false goes out.
"use strict";

const { readFileSync } = require("node:fs");

function byPackage(secret, headers, body) {
  const { Webhook, WebhookVerificationError } = require("standardwebhooks");
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

const verify = process.argv[2] === "package" ? byPackage : require(process.argv[2]).verify;
const cases = JSON.parse(readFileSync(0, "utf8"));
const verdicts = cases.map(({ secret, headers, body }) =>
  verify(secret, headers, Buffer.from(body, "base64")),
);
process.stdout.write(JSON.stringify(verdicts));
