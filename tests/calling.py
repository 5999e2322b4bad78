"""Calls over the API, with their status and the JSON that came back."""


async def post(client, url, headers, body):
    reply = await client.post(url, json=body, headers=headers)
    return reply.status_code, await reply.get_json()


async def get(client, url, headers):
    reply = await client.get(url, headers=headers)
    return reply.status_code, await reply.get_json()
