-- What a deployment carries is known from the commits themselves: whatever is behind a commit came
-- with it or before it, and nothing came that is neither deployed nor behind what came with it.
with

carried as (

    select
        commits.*,
        deployments.finished_at

    from {{ ref('int_commits_carried') }} as commits

    left join {{ ref('fct_deployments') }} as deployments
        on commits.deployment_key = deployments.deployment_key

),

descents as (

    select
        commits.repository,
        commits.sha,
        each_parent_sha.parent_sha

    from {{ ref('int_commits_unioned') }} as commits

    {{ each('commits.parent_shas', 'parent_sha', 'parent_no') }}

    inner join {{ ref('int_commits_unioned') }} as parents
        on commits.repository = parents.repository and each_parent_sha.parent_sha = parents.sha

),

late as (

    select
        children.repository,
        children.sha,
        descents.parent_sha

    from carried as children

    inner join descents
        on children.repository = descents.repository and children.sha = descents.sha

    left join carried as parents
        on descents.repository = parents.repository and descents.parent_sha = parents.sha

    where
        parents.sha is null
        or parents.finished_at > children.finished_at
        or parents.generation >= children.generation
        or (children.deployment_key is null and parents.deployment_key is not null)

),

unfounded as (

    select
        carried.repository,
        carried.sha,
        cast(null as varchar) as parent_sha

    from carried

    left join {{ ref('fct_deployments') }} as deployments
        on carried.deployment_key = deployments.deployment_key and carried.sha = deployments.sha

    left join (
        select
            descents.repository,
            descents.parent_sha,
            children.deployment_key
        from descents
        inner join carried as children
            on descents.repository = children.repository and descents.sha = children.sha
        group by 1, 2, 3
    ) as behind
        on
            carried.repository = behind.repository
            and carried.sha = behind.parent_sha
            and carried.deployment_key = behind.deployment_key

    where
        carried.deployment_key is not null
        and deployments.deployment_key is null
        and behind.parent_sha is null

)

select * from late
union all
select * from unfounded
