// An SDK in miniature: createIntent, waitForApproval, validatePermit, logExecution.
// Needs BASE_URL and SECRET_KEY. Prints a line for each step.

const base = process.env.BASE_URL;
const headers = { authorization: `Bearer ${process.env.SECRET_KEY}`, 'content-type': 'application/json' };

async function send(method, path, body) {
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status} ${json.error.code}: ${json.error.message}`);
  return json;
}

const createIntent = (intent) => send('POST', '/api/intents', intent);
const validatePermit = (token) => send('POST', '/api/permits/validate', { permit_token: token });
const logExecution = (execution) => send('POST', '/api/executions', execution);

async function waitForApproval(id, timeout) {
  for (const end = Date.now() + timeout; Date.now() < end;) {
    const intent = await send('GET', `/api/intents/${id}?wait=5`);
    if (intent.permit) return intent.permit;
    if (intent.status !== 'pending') throw new Error(`it is ${intent.status}`);
  }
  throw new Error('timed out');
}

const passed = await createIntent({ action: 'read_logs', params: { service: 'api' } });
console.log('read_logs', passed.status, Boolean(passed.permit.token), new Date(passed.permit.expires_at) > new Date());

const account = await createIntent({
  action: 'delete_user_account',
  params: { userId: 'usr_abc123', reason: 'User requested deletion' },
  approvers: ['dana@example.com'],
  expiresIn: 1800,
  metadata: { requestedBy: 'support-agent', ticket: 'TICKET-4891' },
});
console.log('delete_user_account', account.status, account.params.userId, account.approvers.join());
console.log('times', new Date(account.expires_at) - new Date(account.created_at) === 1800_000);

const deploy = await createIntent({
  action: 'deploy_production',
  params: { service: 'api-server', version: '2.1.0', environment: 'production' },
  context: { triggered_by: 'scheduled_release', commit_sha: 'a1b2c3d4' },
});
console.log('deploy_production', deploy.status, deploy.approval_url.endsWith(deploy.id));
const permit = await waitForApproval(deploy.id, 30_000);
console.log('permit', permit.approved_by, new Date(permit.approved_at) <= new Date(), permit.token.split('.').length);

const validation = await validatePermit(permit.token);
console.log('valid', validation.valid, validation.action, validation.approved_by, new Date(validation.expires_at) > new Date());
const logged = await logExecution({ permit_id: validation.permit_id, status: 'completed', result: { success: true } });
console.log('logged', logged.status);
const spent = await validatePermit(permit.token);
console.log('spent', spent.valid, spent.error);
