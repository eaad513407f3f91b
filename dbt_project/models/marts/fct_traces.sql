{#- The two moments that each phase lies between. -#}
{%- set phases = {
    'ideation': ('idea_at', 'first_commit_at'),
    'integration': ('first_commit_at', 'merged_at'),
    'verification': ('merged_at', 'built_at'),
    'delivery': ('built_at', 'deployed_at'),
    'observation': ('deployed_at', 'first_incident_at')
} -%}
{#- A pull request, four levels of issues above what it implements, and what a desk was asked. -#}
{%- set steps = 6 -%}

with

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

-- What a desk gets is where work comes from, and no work on a product.
traced as (

    select * from work_items
    where item_kind in ('issue', 'pull_request')

),

links as (

    select * from {{ ref('bridge_work_item_links') }}

),

links_now as (

    select * from links
    where {{ valid_at('links', as_of()) }}

),

changes as (

    select * from {{ ref('fct_changes') }}

),

brought as (

    select * from {{ ref('bridge_deployment_changes') }}

),

-- What an item was made for: its parent, what it implements, what asked for the same before.
demands as (

    select
        from_key as work_item_key,
        to_key as demand_key

    from links_now

    where link_type in ('parent', 'implements')

    union

    select
        to_key as work_item_key,
        from_key as demand_key

    from links_now

    where link_type = 'duplicates'

    union

    select
        traced.work_item_key,
        desk.work_item_key as demand_key

    from links_now

    inner join work_items as desk
        on links_now.from_key = desk.work_item_key

    inner join traced
        on links_now.to_key = traced.work_item_key

    where links_now.link_type = 'relates' and desk.item_kind in ('request', 'problem', 'incident')

),

step_1 as (

    select
        demands.work_item_key,
        demands.demand_key

    from demands

    inner join traced
        on demands.work_item_key = traced.work_item_key

),

{%- for step in range(2, steps + 1) %}

    step_{{ step }} as (

        select distinct
            nearer.work_item_key,
            demands.demand_key

        from step_{{ step - 1 }} as nearer

        inner join demands
            on nearer.demand_key = demands.work_item_key

    ),
{%- endfor %}

behind as (

    {%- for step in range(1, steps + 1) %}

        select * from step_{{ step }}
        {%- if not loop.last %}
            union
        {%- endif %}
    {%- endfor %}

),

-- Whoever said it first had the idea. A pull request is none: it comes after the code.
ideas as (

    select
        behind.work_item_key,
        behind.demand_key,
        asked.created_at as idea_at,
        row_number() over (
            partition by behind.work_item_key
            order by asked.created_at, behind.demand_key
        ) as row_num

    from behind

    inner join work_items as asked
        on behind.demand_key = asked.work_item_key

    where asked.created_at is not null

),

-- A pull request is a change itself; an issue is implemented by those that name it.
ways as (

    select
        change_key as work_item_key,
        change_key,
        'itself' as method,
        cast(1 as double) as confidence

    from changes

    union all

    select
        to_key as work_item_key,
        from_key as change_key,
        method,
        confidence

    from links

    where link_type = 'implements'

),

-- A change that says it in two ways is as sure as the surer one.
changes_of_items as (

    select
        work_item_key,
        change_key,
        method,
        confidence

    from (
        select
            *,
            row_number() over (
                partition by work_item_key, change_key
                order by confidence desc, method
            ) as row_num
        from ways
    ) as placed

    where row_num = 1

),

builds as (

    select
        repository,
        head_sha,
        min(finished_at) as built_at

    from {{ ref('fct_ci_runs') }}

    where result = 'success'

    group by 1, 2

),

-- In whichever place of a release somebody noticed.
incidents as (

    select
        deployments.release_deployment_key,
        min(incidents.opened_at) as opened_at

    from {{ ref('bridge_incident_deployments') }} as blamed

    inner join {{ ref('fct_incidents') }} as incidents
        on blamed.work_item_key = incidents.work_item_key

    inner join {{ ref('fct_deployments') }} as deployments
        on blamed.deployment_key = deployments.deployment_key

    where blamed.is_counted

    group by 1

),

ended as (

    select
        changes.change_key,
        changes.first_commit_at,
        changes.opened_at,
        changes.merged_at,
        case when changes.merged_at is not null then builds.built_at end as built_at,
        changes.deployed_at,
        brought.deployment_key,
        brought.method,
        incidents.opened_at as first_incident_at

    from changes

    left join builds
        on
            changes.repository = builds.repository
            and changes.merge_commit_sha = builds.head_sha

    left join brought
        on changes.change_key = brought.change_key

    left join {{ ref('fct_deployments') }} as deployments
        on brought.deployment_key = deployments.deployment_key

    left join incidents
        on deployments.release_deployment_key = incidents.release_deployment_key

),

numbered as (

    select
        changes_of_items.work_item_key,
        changes_of_items.method as change_method,
        ended.*,
        row_number() over (
            partition by changes_of_items.work_item_key
            order by changes_of_items.confidence, changes_of_items.method
        ) as least_sure_place

    from changes_of_items

    inner join ended
        on changes_of_items.change_key = ended.change_key

),

-- What holds of an item holds of the last of its merged changes.
measured as (

    select
        work_item_key,
        count(*) as change_count,
        count(distinct deployment_key) as deployment_count,
        max(case when least_sure_place = 1 then change_method end) as change_method,
        max(
            case method
                when 'sha' then 1
                when 'descent' then 2
                when 'source' then 3
                when 'merge_order' then 4
            end
        ) as least_sure_deployment,
        min(first_commit_at) as first_commit_at,
        min(opened_at) as opened_at,
        max(merged_at) as merged_at,
        case when count(merged_at) = count(built_at) then max(built_at) end as built_at,
        case when count(merged_at) = count(deployed_at) then max(deployed_at) end as deployed_at,
        min(first_incident_at) as first_incident_at

    from numbered

    group by 1

),

traces as (

    select
        traced.work_item_key,
        traced.work_item_version_key,
        case
            when traced.item_kind = 'pull_request' or ideas.idea_at < traced.created_at
                then ideas.demand_key
            else traced.work_item_key
        end as idea_work_item_key,
        ideas.work_item_key is not null as has_demand,
        measured.change_method,
        case
            when measured.deployed_at is not null
                then
                    case measured.least_sure_deployment
                        when 1 then 'sha'
                        when 2 then 'descent'
                        when 3 then 'source'
                        else 'merge_order'
                    end
        end as deployment_method,
        coalesce(measured.change_count, 0) as change_count,
        coalesce(measured.deployment_count, 0) as deployment_count,
        case
            when traced.item_kind = 'pull_request' or ideas.idea_at < traced.created_at
                then ideas.idea_at
            else traced.created_at
        end as idea_at,
        measured.first_commit_at,
        measured.opened_at,
        measured.merged_at,
        measured.built_at,
        measured.deployed_at,
        measured.first_incident_at

    from traced

    left join ideas
        on traced.work_item_key = ideas.work_item_key and ideas.row_num = 1

    left join measured
        on traced.work_item_key = measured.work_item_key

),

-- Of what is not linked nobody can say what comes after it.
lacking as (

    select
        *,
        nullif(
            concat_ws(
                ', ',
                case when idea_at is null then 'idea' end,
                case when change_count = 0 then 'change' end,
                case when change_count > 0 and merged_at is null then 'merge' end,
                case when merged_at is not null and built_at is null then 'build' end,
                case when merged_at is not null and deployed_at is null then 'deployment' end
            ), ''
        ) as missing_links

    from traces

),

final as (

    select
        work_item_key,
        work_item_version_key,
        idea_work_item_key,
        change_method,
        deployment_method,
        {%- for phase, (begins, ends) in phases.items() %}
            cast(
                case
                    when {{ begins }} <= {{ ends }}
                        then {{ seconds_between(begins, ends) }}
                end as bigint
            ) as {{ phase }}_s,
        {%- endfor %}
        cast(change_count as bigint) as change_count,
        cast(deployment_count as bigint) as deployment_count,
        has_demand,
        missing_links is null as is_complete,
        missing_links,
        nullif(
            concat_ws(
                ', ',
                {%- for phase, (begins, ends) in phases.items() %}
                    case when {{ ends }} < {{ begins }} then '{{ phase }}' end
                    {{- ',' if not loop.last }}
                {%- endfor %}
            ), ''
        ) as backward_phases,
        idea_at,
        first_commit_at,
        opened_at,
        merged_at,
        built_at,
        deployed_at,
        first_incident_at

    from lacking

)

select * from final
