-- noqa: disable=LT02
-- The wide views join a fact with what its keys mean: a key that means two things makes a row two.
-- To count the rows of all views takes more memory at a million items than a build has; that each
-- view has those of its fact, whatever the data, tests/test_bi.py holds on two companies.
with

meanings as (

    select
        'dim_work_items' as table_name,
        work_item_key as meant
    from {{ ref('dim_work_items') }}
    where is_current
    {%- for name, key in [
        ('dim_environments', 'environment_key'),
        ('dim_metrics', 'metric'),
        ('dim_people', 'person_key'),
        ('dim_releases', 'release_key'),
        ('dim_services', 'service_key'),
        ('dim_source_systems', 'source_system_key'),
        ('dim_stages', 'stage_key'),
        ('dim_teams', 'team_key'),
        ('dim_value_streams', 'value_stream_key'),
        ('fct_changes', 'change_key'),
        ('fct_ci_runs', 'ci_run_key'),
    ] %}
    union all
    select
        '{{ name }}' as table_name,
        {{ key }} as meant
    from {{ ref(name) }}
    {%- endfor %}

)

select
    table_name,
    meant,
    count(*) as meanings

from meanings

group by 1, 2

having count(*) > 1
