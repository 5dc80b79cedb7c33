// An SMPP centre for tests, made of npm's smpp: what reads our PDUs shares nothing with what wrote them. It tells what happens in lines
// of JSON, and is told in such lines how to behave.
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const [port, key, cert] = process.argv.slice(2);
const options = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {};
const tell = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');

// Statuses to answer with; "hang" answers nothing, "drop" cuts the connection. receipts has each message followed by one.
let mode = { bind: 0, submit: 0, enquire: 0, receipts: '', hex: false };
let messages = 0;
const sessions = new Set();

function receipt(session, { id, stat, err, tlv }) {
  const done = '2611251200';
  const pdu = {
    esm_class: 4, source_addr: '447700900078', destination_addr: 'Exchange',
    short_message: `id:${id} sub:001 dlvrd:001 submit date:${done} done date:${done} stat:${stat} err:${err ?? '000'} text:stat:UNDELIV`,
  };
  if (tlv) Object.assign(pdu, { receipted_message_id: id, message_state: tlv, short_message: '' });
  session.deliver_sm(pdu, (answer) => tell('receipt_answered', { status: answer.command_status, id }));
}

const server = smpp.createServer(options, (session) => {
  const answer = (pdu, status, more) => {
    if (status === 'hang') return;
    if (status === 'drop') return session.destroy();
    session.send(pdu.response({ command_status: status, ...more }));
  };
  sessions.add(session);
  session.on('error', () => {});
  session.on('close', () => {
    sessions.delete(session);
    tell('closed');
  });
  session.on('bind_transceiver', (pdu) => {
    const known = pdu.system_id === 'countersign' && pdu.password === 'right';
    tell('bind', { id: pdu.system_id, version: pdu.interface_version, type: pdu.system_type });
    answer(pdu, mode.bind || (known ? 0 : smpp.ESME_RINVPASWD), { system_id: 'centre' });
  });
  session.on('submit_sm', (pdu) => {
    messages++;
    const id = mode.hex ? (1000 + messages).toString(16).toUpperCase() : `m-${process.pid}-${messages}`;
    const said = pdu.short_message;
    tell('submit', {
      id, from: pdu.source_addr, from_ton: pdu.source_addr_ton, from_npi: pdu.source_addr_npi, to: pdu.destination_addr, to_ton: pdu.dest_addr_ton,
      coding: pdu.data_coding, class: pdu.esm_class, registered: pdu.registered_delivery, validity: String(pdu.validity_period ?? ''),
      text: said.message ?? String(said), udh: said.udh ? Buffer.concat([].concat(said.udh)).toString('hex') : '',
    });
    const told = mode.receipts;
    const about = { id: mode.hex ? String(1000 + messages).padStart(10, '0') : id, stat: told };
    answer(pdu, mode.submit, { message_id: mode.submit ? '' : id });
    if (told && !mode.submit && pdu.registered_delivery) receipt(session, about);
  });
  session.on('enquire_link', (pdu) => {
    tell('enquire');
    answer(pdu, mode.enquire);
  });
  session.on('unbind', (pdu) => {
    tell('unbind');
    session.send(pdu.response());
    session.close();
  });
});
server.on('error', (e) => tell('error', { text: e.message }));
server.listen(Number(port), '127.0.0.1', () => tell('listening', { port: server.address().port }));

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line);
  if (told.mode) mode = { ...mode, ...told.mode };
  if (told.receipt) for (const s of sessions) receipt(s, told.receipt);
  if (told.enquire) for (const s of sessions) s.enquire_link(() => tell('enquire_answered'));
  if (told.drop) for (const s of sessions) s.destroy();
  tell('obeyed', { n: told.n });
}).on('close', () => process.exit(0));
