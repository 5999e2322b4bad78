SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.events (
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    data json NOT NULL
);
CREATE TABLE public.experiments (
    exp_uuid uuid NOT NULL,
    number bigint NOT NULL,
    owner_uuid uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    covars json NOT NULL,
    model_type text NOT NULL,
    acq_func text NOT NULL,
    direction text NOT NULL,
    seed bigint NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    last_seq bigint NOT NULL,
    n_observations bigint NOT NULL,
    best_observation_uuid uuid,
    best_response double precision,
    best_covars json,
    data_rev bigint NOT NULL,
    fit_rev bigint NOT NULL,
    n_open integer NOT NULL,
    n_wanted integer NOT NULL,
    lease_token uuid,
    lease_by text,
    lease_until timestamp with time zone,
    retry_at timestamp with time zone,
    CONSTRAINT experiments_direction_check CHECK ((direction = ANY (ARRAY['maximize'::text, 'minimize'::text]))),
    CONSTRAINT experiments_n_open_check CHECK ((n_open >= 0)),
    CONSTRAINT experiments_state_check CHECK ((state = ANY (ARRAY['active'::text, 'closed'::text])))
);
ALTER TABLE public.experiments ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.experiments_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.observations (
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    observation_uuid uuid NOT NULL,
    suggestion_uuid uuid,
    covars json NOT NULL,
    response double precision NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.refresh_tokens (
    token_hash bytea NOT NULL,
    user_uuid uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.sessions (
    session_uuid uuid NOT NULL,
    user_uuid uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.suggestions (
    suggestion_uuid uuid NOT NULL,
    exp_uuid uuid NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    covars json NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    mean double precision,
    sd double precision,
    data_rev bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT suggestions_state_check CHECK ((state = ANY (ARRAY['open'::text, 'leased'::text, 'told'::text, 'superseded'::text])))
);
CREATE TABLE public.users (
    user_uuid uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL
);
INSERT INTO public.alembic_version (version_num) VALUES ('0001');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 1, 'experiment_created', '2026-11-27 00:34:31.836886+00', '{"exp_uuid": "40657d7d-2d10-4d69-a8a9-95171ccfdee4", "name": "old", "description": "na\u00efve", "covars": {"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}, "model_type": "SingleTaskGP", "acq_func": "ExpectedImprovement", "direction": "minimize", "seed": 3, "state": "active", "n_observations": 0, "best": null, "last_seq": 2, "time_created": "2026-11-27T00:34:31.836886Z", "time_updated": "2026-11-27T00:34:31.836886Z"}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 2, 'suggestion_created', '2026-11-27 00:34:31.836886+00', '{"suggestion_uuid": "c6d78323-c379-4ce3-8f18-325c5dc01329", "covars": {"x": 0.25, "k": 2, "color": "red"}, "source": "guess", "reason": "the guess that the experiment was described with", "mean": null, "sd": null, "data_rev": 0, "time_created": "2026-11-27T00:34:31.836886Z", "superseded": []}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 3, 'observation_added', '2026-11-27 00:34:31.989766+00', '{"observation_uuid": "32367ef1-e8d2-492b-8f86-b56a983ae3b0", "seq": 3, "covars": {"x": 0.25, "k": 2, "color": "red"}, "response": 1.5, "suggestion_uuid": "c6d78323-c379-4ce3-8f18-325c5dc01329", "time_created": "2026-11-27T00:34:31.989766Z", "n_observations": 1}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 4, 'best_changed', '2026-11-27 00:34:31.989766+00', '{"observation_uuid": "32367ef1-e8d2-492b-8f86-b56a983ae3b0", "covars": {"x": 0.25, "k": 2, "color": "red"}, "response": 1.5}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 5, 'observation_added', '2026-11-27 00:34:32.148878+00', '{"observation_uuid": "a5d0d7dd-599b-4970-89c8-e2cc1bf9adfa", "seq": 5, "covars": {"x": 0.1, "k": 0, "color": "green"}, "response": 1.0, "suggestion_uuid": null, "time_created": "2026-11-27T00:34:32.148878Z", "n_observations": 2}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 6, 'best_changed', '2026-11-27 00:34:32.148878+00', '{"observation_uuid": "a5d0d7dd-599b-4970-89c8-e2cc1bf9adfa", "covars": {"x": 0.1, "k": 0, "color": "green"}, "response": 1.0}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 7, 'suggestion_created', '2026-11-27 00:34:42.012642+00', '{"suggestion_uuid": "0895c6fd-f8ab-4c6b-8565-4c2e05fd022f", "covars": {"x": 0.9258866747841239, "k": 1, "color": "red"}, "source": "sobol", "reason": "initial design, until 6 configurations are known", "mean": null, "sd": null, "data_rev": 1, "time_created": "2026-11-27T00:34:42.012642Z", "superseded": []}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 8, 'suggestion_created', '2026-11-27 00:34:42.078386+00', '{"suggestion_uuid": "c6955b46-222d-4508-bc2c-844d76918217", "covars": {"x": 0.5424921903759241, "k": 5, "color": "green"}, "source": "sobol", "reason": "initial design, until 6 configurations are known", "mean": null, "sd": null, "data_rev": 2, "time_created": "2026-11-27T00:34:42.078386Z", "superseded": ["0895c6fd-f8ab-4c6b-8565-4c2e05fd022f"]}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 9, 'observation_added', '2026-11-27 00:34:42.157252+00', '{"observation_uuid": "f2045e29-e79d-4a29-bac7-e40f4811d741", "seq": 9, "covars": {"x": 0.35, "k": 1, "color": "green"}, "response": 0.75, "suggestion_uuid": null, "time_created": "2026-11-27T00:34:42.157252Z", "n_observations": 3}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 10, 'best_changed', '2026-11-27 00:34:42.157252+00', '{"observation_uuid": "f2045e29-e79d-4a29-bac7-e40f4811d741", "covars": {"x": 0.35, "k": 1, "color": "green"}, "response": 0.75}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 11, 'suggestion_created', '2026-11-27 00:34:42.236299+00', '{"suggestion_uuid": "3b4fc30d-17a0-49c7-9a48-a4db5b46ffa7", "covars": {"x": 0.4809137936681509, "k": 4, "color": "red"}, "source": "sobol", "reason": "initial design, until 6 configurations are known", "mean": null, "sd": null, "data_rev": 3, "time_created": "2026-11-27T00:34:42.236299Z", "superseded": ["c6955b46-222d-4508-bc2c-844d76918217"]}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 12, 'observation_added', '2026-11-27 00:34:42.348543+00', '{"observation_uuid": "39e9d4b0-3f3c-4126-a6ea-14ed7456b69c", "seq": 12, "covars": {"x": 0.6, "k": 2, "color": "green"}, "response": 0.5, "suggestion_uuid": null, "time_created": "2026-11-27T00:34:42.348543Z", "n_observations": 4}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 13, 'best_changed', '2026-11-27 00:34:42.348543+00', '{"observation_uuid": "39e9d4b0-3f3c-4126-a6ea-14ed7456b69c", "covars": {"x": 0.6, "k": 2, "color": "green"}, "response": 0.5}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 14, 'suggestion_created', '2026-11-27 00:34:42.420756+00', '{"suggestion_uuid": "ba593576-08ba-4bc3-a36e-c1fb4f3d58be", "covars": {"x": 0.25496556237339973, "k": 5, "color": "red"}, "source": "sobol", "reason": "initial design, until 6 configurations are known", "mean": null, "sd": null, "data_rev": 4, "time_created": "2026-11-27T00:34:42.420756Z", "superseded": ["3b4fc30d-17a0-49c7-9a48-a4db5b46ffa7"]}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 15, 'suggestion_leased', '2026-11-27 00:34:42.497594+00', '{"suggestion_uuid": "ba593576-08ba-4bc3-a36e-c1fb4f3d58be"}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 16, 'suggestion_created', '2026-11-27 00:34:42.564546+00', '{"suggestion_uuid": "baea66b2-5ddd-4f49-92b8-f3498ba424ee", "covars": {"x": 0.6903153881430626, "k": 3, "color": "green"}, "source": "sobol", "reason": "initial design, until 6 configurations are known", "mean": null, "sd": null, "data_rev": 4, "time_created": "2026-11-27T00:34:42.564546Z", "superseded": []}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('97c4a331-4bdb-4ba8-938e-5f5353ea68dd', 1, 'experiment_created', '2026-11-27 00:34:42.658083+00', '{"exp_uuid": "97c4a331-4bdb-4ba8-938e-5f5353ea68dd", "name": "closed", "description": "", "covars": {"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}, "model_type": "SingleTaskGP", "acq_func": "ExpectedImprovement", "direction": "maximize", "seed": 4, "state": "active", "n_observations": 0, "best": null, "last_seq": 2, "time_created": "2026-11-27T00:34:42.658083Z", "time_updated": "2026-11-27T00:34:42.658083Z"}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('97c4a331-4bdb-4ba8-938e-5f5353ea68dd', 2, 'suggestion_created', '2026-11-27 00:34:42.658083+00', '{"suggestion_uuid": "c542ced1-7fdc-4877-b625-bd3a3d64b038", "covars": {"x": 0.25, "k": 2, "color": "red"}, "source": "guess", "reason": "the guess that the experiment was described with", "mean": null, "sd": null, "data_rev": 0, "time_created": "2026-11-27T00:34:42.658083Z", "superseded": []}');
INSERT INTO public.events (exp_uuid, seq, type, created_at, data) VALUES ('97c4a331-4bdb-4ba8-938e-5f5353ea68dd', 3, 'experiment_closed', '2026-11-27 00:34:42.700393+00', '{}');
INSERT INTO public.experiments (exp_uuid, number, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at, updated_at, last_seq, n_observations, best_observation_uuid, best_response, best_covars, data_rev, fit_rev, n_open, n_wanted, lease_token, lease_by, lease_until, retry_at) OVERRIDING SYSTEM VALUE VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 1, '294f3122-722d-4f3c-9eab-870decda9b56', 'old', 'naïve', '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', 'SingleTaskGP', 'ExpectedImprovement', 'minimize', 3, 'active', '2026-11-27 00:34:31.836886+00', '2026-11-27 00:34:42.564546+00', 16, 4, '39e9d4b0-3f3c-4126-a6ea-14ed7456b69c', 0.5, '{"x": 0.6, "k": 2, "color": "green"}', 4, 4, 1, 1, NULL, NULL, NULL, NULL);
INSERT INTO public.experiments (exp_uuid, number, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state, created_at, updated_at, last_seq, n_observations, best_observation_uuid, best_response, best_covars, data_rev, fit_rev, n_open, n_wanted, lease_token, lease_by, lease_until, retry_at) OVERRIDING SYSTEM VALUE VALUES ('97c4a331-4bdb-4ba8-938e-5f5353ea68dd', 2, '294f3122-722d-4f3c-9eab-870decda9b56', 'closed', '', '{"x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}, "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8}, "color": {"vtype": "cat", "guess": "red", "options": ["red", "green"]}}', 'SingleTaskGP', 'ExpectedImprovement', 'maximize', 4, 'closed', '2026-11-27 00:34:42.658083+00', '2026-11-27 00:34:42.700393+00', 3, 0, NULL, NULL, NULL, 0, 0, 1, 1, NULL, NULL, NULL, NULL);
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 3, '32367ef1-e8d2-492b-8f86-b56a983ae3b0', 'c6d78323-c379-4ce3-8f18-325c5dc01329', '{"x": 0.25, "k": 2, "color": "red"}', 1.5, '2026-11-27 00:34:31.989766+00');
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 5, 'a5d0d7dd-599b-4970-89c8-e2cc1bf9adfa', NULL, '{"x": 0.1, "k": 0, "color": "green"}', 1, '2026-11-27 00:34:32.148878+00');
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 9, 'f2045e29-e79d-4a29-bac7-e40f4811d741', NULL, '{"x": 0.35, "k": 1, "color": "green"}', 0.75, '2026-11-27 00:34:42.157252+00');
INSERT INTO public.observations (exp_uuid, seq, observation_uuid, suggestion_uuid, covars, response, created_at) VALUES ('40657d7d-2d10-4d69-a8a9-95171ccfdee4', 12, '39e9d4b0-3f3c-4126-a6ea-14ed7456b69c', NULL, '{"x": 0.6, "k": 2, "color": "green"}', 0.5, '2026-11-27 00:34:42.348543+00');
INSERT INTO public.refresh_tokens (token_hash, user_uuid, expires_at) VALUES ('\xe7dbe0b37518ef86503890eefe0f22b6b5c6658e540e972d0d78539da523c73d', '294f3122-722d-4f3c-9eab-870decda9b56', '2026-12-27 00:34:30.716495+00');
INSERT INTO public.sessions (session_uuid, user_uuid, expires_at) VALUES ('77273bb2-2d73-400c-9c89-ebe408fdaf27', '36e0a3a9-0332-4b1a-8ef5-69a4cbf2dbd0', '2026-11-27 00:34:44.96027+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('c6d78323-c379-4ce3-8f18-325c5dc01329', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 2, 'told', '{"x": 0.25, "k": 2, "color": "red"}', 'guess', 'the guess that the experiment was described with', NULL, NULL, 0, '2026-11-27 00:34:31.836886+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('0895c6fd-f8ab-4c6b-8565-4c2e05fd022f', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 7, 'superseded', '{"x": 0.9258866747841239, "k": 1, "color": "red"}', 'sobol', 'initial design, until 6 configurations are known', NULL, NULL, 1, '2026-11-27 00:34:42.012642+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('c6955b46-222d-4508-bc2c-844d76918217', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 8, 'superseded', '{"x": 0.5424921903759241, "k": 5, "color": "green"}', 'sobol', 'initial design, until 6 configurations are known', NULL, NULL, 2, '2026-11-27 00:34:42.078386+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('3b4fc30d-17a0-49c7-9a48-a4db5b46ffa7', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 11, 'superseded', '{"x": 0.4809137936681509, "k": 4, "color": "red"}', 'sobol', 'initial design, until 6 configurations are known', NULL, NULL, 3, '2026-11-27 00:34:42.236299+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('ba593576-08ba-4bc3-a36e-c1fb4f3d58be', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 14, 'leased', '{"x": 0.25496556237339973, "k": 5, "color": "red"}', 'sobol', 'initial design, until 6 configurations are known', NULL, NULL, 4, '2026-11-27 00:34:42.420756+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('baea66b2-5ddd-4f49-92b8-f3498ba424ee', '40657d7d-2d10-4d69-a8a9-95171ccfdee4', 16, 'open', '{"x": 0.6903153881430626, "k": 3, "color": "green"}', 'sobol', 'initial design, until 6 configurations are known', NULL, NULL, 4, '2026-11-27 00:34:42.564546+00');
INSERT INTO public.suggestions (suggestion_uuid, exp_uuid, seq, state, covars, source, reason, mean, sd, data_rev, created_at) VALUES ('c542ced1-7fdc-4877-b625-bd3a3d64b038', '97c4a331-4bdb-4ba8-938e-5f5353ea68dd', 2, 'open', '{"x": 0.25, "k": 2, "color": "red"}', 'guess', 'the guess that the experiment was described with', NULL, NULL, 0, '2026-11-27 00:34:42.658083+00');
INSERT INTO public.users (user_uuid, email, password_hash, is_active, created_at) VALUES ('294f3122-722d-4f3c-9eab-870decda9b56', 'test@test.com', '$argon2id$v=19$m=65536,t=3,p=4$DjgetgnkTvzMBVSsXm2pDg$8nXPQUhjBngSLhMJd3/z6hr9E8JR5pITHjux3veqVJ0', true, '2026-11-27 00:34:27.183642+00');
INSERT INTO public.users (user_uuid, email, password_hash, is_active, created_at) VALUES ('36e0a3a9-0332-4b1a-8ef5-69a4cbf2dbd0', 'ada@example.org', '$argon2id$v=19$m=65536,t=3,p=4$VXkxEG+alxmTRRslQzA2iA$SmocKbMiq1J2shy0ZlSGSxxlT7gYWm3qAQ5gR/oW1mU', true, '2026-11-27 00:34:31.79773+00');
SELECT pg_catalog.setval('public.experiments_number_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (exp_uuid, seq);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_number_key UNIQUE (number);
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_pkey PRIMARY KEY (exp_uuid);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_observation_uuid_key UNIQUE (observation_uuid);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (exp_uuid, seq);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (session_uuid);
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_exp_uuid_seq_key UNIQUE (exp_uuid, seq);
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_pkey PRIMARY KEY (suggestion_uuid);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_uuid);
CREATE INDEX experiments_of_owner ON public.experiments USING btree (owner_uuid, number DESC);
CREATE INDEX experiments_with_work ON public.experiments USING btree (updated_at) WHERE ((state = 'active'::text) AND ((data_rev > fit_rev) OR (n_open < n_wanted)));
CREATE UNIQUE INDEX observation_of_suggestion ON public.observations USING btree (suggestion_uuid) WHERE (suggestion_uuid IS NOT NULL);
CREATE INDEX refresh_tokens_of_user ON public.refresh_tokens USING btree (user_uuid);
CREATE INDEX sessions_of_user ON public.sessions USING btree (user_uuid);
CREATE INDEX suggestions_pending ON public.suggestions USING btree (exp_uuid, seq) WHERE (state = ANY (ARRAY['open'::text, 'leased'::text]));
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.experiments
    ADD CONSTRAINT experiments_owner_uuid_fkey FOREIGN KEY (owner_uuid) REFERENCES public.users(user_uuid);
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_suggestion_uuid_fkey FOREIGN KEY (suggestion_uuid) REFERENCES public.suggestions(suggestion_uuid);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES public.users(user_uuid) ON DELETE CASCADE;
ALTER TABLE ONLY public.suggestions
    ADD CONSTRAINT suggestions_exp_uuid_fkey FOREIGN KEY (exp_uuid) REFERENCES public.experiments(exp_uuid) ON DELETE CASCADE;
