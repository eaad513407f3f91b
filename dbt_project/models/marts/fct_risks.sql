with

risks as (

    select * from {{ ref('int_risks_assessed') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

final as (

    select
        risks.risk_assessment_key,
        coalesce(value_streams.value_stream_key, 'unassigned') as value_stream_key,
        risks.value_stream_key as named_value_stream,
        risks.risk,
        risks.name,
        risks.category,
        risks.assessed_on,
        risks.likelihood,
        risks.impact,
        risks.likelihood * risks.impact as exposure,
        risks.status,
        risks.response,
        items.work_item_key,
        items.work_item_version_key,
        risks.work_item as named_item,
        case when risks.owner_team_key is not null then coalesce(teams.team_key, 'unassigned') end
            as owner_team_key,
        risks.owner_team_key as named_team,
        risks.due_on,
        risks.is_latest,
        risks.is_latest and risks.status in ('open', 'mitigated', 'accepted') as is_open

    from risks

    left join value_streams
        on risks.value_stream_key = value_streams.value_stream_key

    left join teams
        on risks.owner_team_key = teams.team_key

    left join items
        on risks.work_item_key = items.work_item_key

)

select * from final
