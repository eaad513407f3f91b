-- noqa: disable=LT02
{{ config(severity='warn') }}

-- Feeds name value streams, teams and items as people do: who slips is told the name.
with

named as (

    {%- for feed in [
        'experiments', 'value_measures', 'stream_financials', 'risks', 'assessments'
    ] %}
    select
        '{{ feed }}' as feed,
        'value stream' as what,
        named_value_stream as named
    from {{ ref('fct_' ~ feed) }}
    where value_stream_key = 'unassigned'
    union all
    {%- endfor %}
    {%- for feed in ['experiments', 'value_measures', 'risks'] %}
    select
        '{{ feed }}' as feed,
        'team' as what,
        named_team as named
    from {{ ref('fct_' ~ feed) }}
    where owner_team_key = 'unassigned'
    union all
    {%- endfor %}
    {%- for feed in ['experiments', 'risks'] %}
    select
        '{{ feed }}' as feed,
        'item' as what,
        named_item as named
    from {{ ref('fct_' ~ feed) }}
    where named_item is not null and work_item_key is null
    union all
    {%- endfor %}
    select
        'team_capacities' as feed,
        'team' as what,
        named_team as named
    from {{ ref('fct_team_capacities') }}
    where team_key = 'unassigned'

)

select
    feed,
    'no ' || what || ' that is there: ' || named as what,
    count(*) as lines

from named

where named <> 'unassigned'

group by 1, 2
